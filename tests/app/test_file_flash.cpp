// The flash of a virtual device: a file that behaves like NOR flash, and keeps what it held.

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "check.h"
#include "port/posix/flash.h"

using namespace ugpt;
using port::Region;
using port::posix::FileFlash;

namespace {

constexpr std::uint32_t kSector = port::Flash::kSectorBytes;

// A folder that goes when the test ends.
class Folder {
  public:
    Folder() {
        std::string pattern = std::filesystem::temp_directory_path() / "ugpt-flash-XXXXXX";
        CHECK(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] std::string file(const char* name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

std::unique_ptr<FileFlash> open(const std::string& path) {
    std::string error;
    auto flash = FileFlash::open(path, error);
    CHECK(flash != nullptr && error.empty());
    return flash;
}

std::vector<std::byte> read(FileFlash& flash, Region region, std::uint32_t offset,
                            std::size_t size) {
    std::vector<std::byte> bytes(size);
    CHECK(flash.read(region, offset, bytes));
    return bytes;
}

std::vector<char> content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::byte> filled(std::size_t size, int value) {
    return std::vector<std::byte>(size, static_cast<std::byte>(value));
}

}  // namespace

TEST(every_region_is_there_erased_and_apart_from_the_others) {
    const Folder folder;
    const auto flash = open(folder.file("flash"));
    for (std::size_t i = 0; i < port::kRegionCount; ++i) {
        const auto region = static_cast<Region>(i);
        const std::uint32_t size = flash->size_bytes(region);
        CHECK(size == port::kRegions[i].size_bytes && size >= kSector);
        CHECK(read(*flash, region, 0, size) == filled(size, 0xFF));
        CHECK(flash->write(region, 0, filled(size, static_cast<int>(i))));
    }
    for (std::size_t i = 0; i < port::kRegionCount; ++i) {
        const std::uint32_t size = port::kRegions[i].size_bytes;
        CHECK(read(*flash, static_cast<Region>(i), 0, size) == filled(size, static_cast<int>(i)));
    }
}

TEST(bits_are_written_to_0_and_erased_to_1) {
    const Folder folder;
    const auto flash = open(folder.file("flash"));
    CHECK(flash->write(Region::model, 10, filled(3, 0xF0)));
    CHECK(flash->write(Region::model, 11, filled(1, 0x3C)));
    CHECK((read(*flash, Region::model, 9, 5) == std::vector{std::byte{0xFF}, std::byte{0xF0},
                                                            std::byte{0x30}, std::byte{0xF0},
                                                            std::byte{0xFF}}));
    CHECK(flash->erase(Region::model, 0, kSector));
    CHECK(read(*flash, Region::model, 0, kSector) == filled(kSector, 0xFF));
}

TEST(a_mapped_region_shows_what_is_written_later) {
    for (const bool in_memory : {false, true}) {
        const Folder folder;
        const auto flash = open(in_memory ? std::string() : folder.file("flash"));
        const auto bytes = flash->mapped(Region::model);
        CHECK(bytes.size() == flash->size_bytes(Region::model));
        CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % 64 == 0);
        CHECK(bytes.front() == std::byte{0xFF} && bytes.back() == std::byte{0xFF});
        const auto size = static_cast<std::uint32_t>(bytes.size());
        CHECK(flash->write(Region::model, size - 3, filled(3, 0x5A)));
        CHECK(bytes[size - 4] == std::byte{0xFF} && bytes[size - 3] == std::byte{0x5A});
        CHECK(bytes.back() == std::byte{0x5A});
        CHECK(flash->erase(Region::model, size - kSector, kSector));
        CHECK(bytes.back() == std::byte{0xFF});
        CHECK(flash->write(Region::settings_b, 0, filled(1, 9)));
        CHECK(flash->mapped(Region::settings_b).front() == std::byte{9});
    }
}

TEST(nothing_outside_a_region_is_reached) {
    const Folder folder;
    const auto flash = open(folder.file("flash"));
    const std::uint32_t size = flash->size_bytes(Region::settings_a);
    std::array<std::byte, 2> two{};
    CHECK(!flash->read(Region::settings_a, size - 1, two));
    CHECK(!flash->write(Region::settings_a, size - 1, two));
    CHECK(!flash->read(Region::settings_a, UINT32_MAX, two));
    CHECK(!flash->erase(Region::settings_a, size, kSector));
    CHECK(!flash->erase(Region::settings_a, 1, kSector));
    CHECK(!flash->erase(Region::settings_a, 0, kSector - 1));
    CHECK(read(*flash, Region::settings_b, 0, 2) == filled(2, 0xFF));
}

TEST(what_is_written_outlives_a_restart) {
    const Folder folder;
    CHECK(open(folder.file("flash"))->write(Region::model, 70'000, filled(5, 7)));
    const auto flash = open(folder.file("flash"));
    CHECK(read(*flash, Region::model, 70'000, 5) == filled(5, 7));
    CHECK(read(*flash, Region::model, 0, 100) == filled(100, 0xFF));  // not a hole of zeros
}

TEST(the_number_of_a_device_stays_and_is_its_own) {
    const Folder folder;
    const std::uint64_t number = open(folder.file("one"))->device_id();
    CHECK(open(folder.file("one"))->device_id() == number);
    CHECK(open(folder.file("two"))->device_id() != number);
    CHECK(number >> 48 == 0 && (number >> 40 & 3) == 2);  // a MAC address that nobody assigned
}

TEST(erasing_every_region_leaves_the_number) {
    const Folder folder;
    const std::uint64_t number = open(folder.file("flash"))->device_id();
    {
        const auto flash = open(folder.file("flash"));
        for (std::size_t i = 0; i < port::kRegionCount; ++i)
            CHECK(flash->erase(static_cast<Region>(i), 0, port::kRegions[i].size_bytes));
    }
    CHECK(open(folder.file("flash"))->device_id() == number);
}

// Version 0.1.0 had no model and no number; its regions lay one after the other.
TEST(a_file_of_0_1_0_keeps_its_content) {
    constexpr std::uint32_t kKiB = 1024;
    constexpr std::array sizes{448 * kKiB, 448 * kKiB, 4 * kKiB, 4 * kKiB, 128 * kKiB, 832 * kKiB};
    const Folder folder;
    std::vector<char> before;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        constexpr std::string_view kMark = "uCP1";  // of a record, with which a region begins
        before.insert(before.end(), kMark.begin(), kMark.end());
        before.insert(before.end(), sizes[i] - kMark.size(), static_cast<char>('a' + i));
    }
    std::ofstream(folder.file("flash"), std::ios::binary).write(before.data(), before.size());
    {
        const auto flash = open(folder.file("flash"));
        for (std::size_t i = 0; i < sizes.size(); ++i)
            CHECK(read(*flash, static_cast<Region>(i), 4, sizes[i] - 4) ==
                  filled(sizes[i] - 4, static_cast<int>('a' + i)));
        CHECK(read(*flash, Region::model, 0, 8) == filled(8, 0xFF));
        CHECK(flash->write(Region::model, 0, filled(8, 1)));
    }
    std::vector<char> after = content(folder.file("flash"));
    CHECK(after.size() > before.size());
    after.resize(before.size());
    CHECK(after == before);
}

TEST(a_file_that_is_no_flash_is_left_as_it_is) {
    constexpr std::size_t kLargest = 3 * 1024 * 1024;
    const Folder folder;
    const std::string path = folder.file("novel.txt");
    const std::string sentence = "It was a dark and stormy night. ";
    const std::string zeros(kLargest, 0);
    std::string novel;
    while (novel.size() < 2 * kLargest) novel += sentence;
    for (const std::string& written :
         {sentence, std::string("u"), novel.substr(0, kLargest), novel, zeros, zeros.substr(0, 1),
          "uCP1" + zeros, "uCP1" + novel.substr(0, kLargest / 2)}) {
        std::ofstream(path, std::ios::binary) << written;
        std::string error;
        CHECK(FileFlash::open(path, error) == nullptr);
        CHECK(error == "the file " + path +
                           " is neither empty nor the flash of a virtual device, and is left as "
                           "it is; name another file");
        const std::vector<char> left = content(path);
        CHECK(std::string(left.begin(), left.end()) == written);
    }
}

// A number that was being written when the power went is drawn anew.
TEST(a_file_whose_making_was_cut_off_is_finished) {
    const Folder folder;
    const std::string path = folder.file("flash");
    open(path);
    const std::vector<char> whole = content(path);
    for (const std::size_t missing :
         {whole.size(), whole.size() - 1, std::size_t{8}, std::size_t{5}, std::size_t{1}}) {
        std::ofstream(path, std::ios::binary | std::ios::trunc)
            .write(whole.data(), static_cast<std::streamsize>(whole.size() - missing));
        const std::uint64_t number = open(path)->device_id();
        CHECK(number >> 48 == 0 && (number >> 40 & 3) == 2);
        CHECK(open(path)->device_id() == number);
        CHECK(content(path).size() == whole.size());
    }
}

TEST(two_devices_cannot_share_a_file) {
    const Folder folder;
    const auto first = open(folder.file("flash"));
    std::string error;
    CHECK(FileFlash::open(folder.file("flash"), error) == nullptr);
    CHECK(error ==
          "the flash file " + folder.file("flash") + " is in use by another virtual device");
}

TEST(a_file_that_cannot_be_opened_is_named) {
    const Folder folder;
    std::string error;
    CHECK(FileFlash::open(folder.file("nowhere/flash"), error) == nullptr);
    CHECK(error.find(folder.file("nowhere/flash")) != std::string::npos);
}

TEST(a_log_tells_what_is_written_and_erased) {
    const Folder folder;
    const std::string path = folder.file("log");
    std::ofstream(path) << "of an earlier start\n";
    const auto flash = open(folder.file("flash"));
    CHECK(flash->write(Region::model, 0, filled(1, 0)));
    std::string error;
    CHECK(!flash->log_to(folder.file("nowhere/log"), error));
    CHECK(error.find(folder.file("nowhere/log")) != std::string::npos);
    CHECK(flash->log_to(path, error));
    CHECK(flash->write(Region::settings_b, 7, filled(904, 1)));
    CHECK(flash->erase(Region::checkpoint_a, kSector, 2 * kSector));
    CHECK(!flash->erase(Region::checkpoint_a, 1, kSector));
    const std::vector<char> log = content(path);
    CHECK(std::string(log.begin(), log.end()) ==
          "of an earlier start\n"
          "write settings_b 7 904\n"
          "erase checkpoint_a 4096 8192\n");
}
