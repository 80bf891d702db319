#include "port/posix/flash.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>

namespace ugpt::port::posix {
namespace {

using Chunk = std::array<std::byte, Flash::kSectorBytes>;

// The regions that version 0.1.0 knew come first, so that its files are still read; the device's
// number follows them.
constexpr std::size_t kFirstRegions = 6;
constexpr std::uint32_t kIdentityBytes = Flash::kSectorBytes;

constexpr std::int64_t start_of(std::size_t region) {
    std::int64_t at = region < kFirstRegions ? 0 : kIdentityBytes;
    for (std::size_t i = 0; i < region; ++i) at += kRegions[i].size_bytes;
    return at;
}

constexpr std::size_t kWholeBytes = static_cast<std::size_t>(start_of(kRegionCount));
constexpr std::int64_t kIdentityPosition = start_of(kFirstRegions) - kIdentityBytes;

// A file that no folder holds.
int open_anonymous() {
#ifdef __linux__
    return memfd_create("ugpt flash", MFD_CLOEXEC);
#else
    std::FILE* file = std::tmpfile();
    if (file == nullptr) return -1;
    const int fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
    std::fclose(file);
    return fd;
#endif
}

// False, with errno set, if the disk is full or a limit is reached.
bool write_whole(int fd, std::span<const std::byte> bytes, std::int64_t at) {
    while (!bytes.empty()) {
        const ssize_t count = pwrite(fd, bytes.data(), bytes.size(), at);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        at += count;
    }
    return true;
}

// Locally administered, as MAC addresses that nobody has assigned are: no chip has this one.
constexpr std::uint64_t kDeviceIdMask = 0xFFFF'0300'0000'0000;
constexpr std::uint64_t kDeviceIdBits = 0x0000'0200'0000'0000;

bool is_device_id(std::uint64_t number) {
    return (number & kDeviceIdMask) == kDeviceIdBits;
}

std::string name_of(const std::string& path) {
    return path.empty() ? "flash in memory" : "flash file " + path;
}

// Why a lock that failed did so.
std::string lock_error(const std::string& path) {
    if (errno == EWOULDBLOCK)
        return "the flash file " + path + " is in use by another virtual device";
    return "the flash file " + path +
           " lies on a file system without locks, where two devices could write it at once; keep "
           "it on a local disk (XDG_STATE_HOME moves the default one)";
}

// A device whose host was killed holds the file until it has noticed.
bool lock_file(int fd) {
    constexpr auto kPatience = std::chrono::seconds(3);
    constexpr auto kPause = std::chrono::milliseconds(20);
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return false;
        if (std::chrono::steady_clock::now() >= end) {
            errno = EWOULDBLOCK;
            return false;
        }
        std::this_thread::sleep_for(kPause);
    }
    return true;
}

}  // namespace

std::unique_ptr<FileFlash> FileFlash::open(const std::string& path, std::string& error) {
    const int fd =
        path.empty() ? open_anonymous() : ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        error = "cannot open the " + name_of(path) + ": " + std::strerror(errno);
        return nullptr;
    }
    std::unique_ptr<FileFlash> flash(new FileFlash(fd));
    if (!path.empty() && !lock_file(fd)) {
        error = lock_error(path);
        return nullptr;
    }
    if (!flash->holds_flash()) {
        error = "the file " + path +
                " is neither empty nor the flash of a virtual device, and is left as it is; name "
                "another file";
        return nullptr;
    }
    if (!flash->load_device_id()) {
        error = "cannot write the " + name_of(path) + ": " + std::strerror(errno);
        return nullptr;
    }
    return flash;
}

FileFlash::FileFlash(int fd) : fd_(fd) {
    for (std::size_t i = 0; i < kRegionCount; ++i) sizes_bytes_[i] = kRegions[i].size_bytes;
}

// Whether the file is what a virtual device has written. One that is new, of version 0.1.0, or was
// not finished when it was made, has no device number.
bool FileFlash::holds_flash() const {
    struct stat status{};
    std::array<std::byte, sizeof(device_id_)> number;
    if (fstat(fd_, &status) != 0 || !read_at(kIdentityPosition, number)) return false;
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size > kWholeBytes) return false;
    if (size >= kIdentityPosition + number.size())
        return is_device_id(std::bit_cast<std::uint64_t>(number));
    for (std::size_t i = 0; i < kFirstRegions; ++i)
        if (!begins_like_a_region(start_of(i))) return false;
    return true;
}

// A region is erased, or begins with the mark of a record, such as "uCP1".
bool FileFlash::begins_like_a_region(std::int64_t position) const {
    constexpr std::array<std::array<char, 2>, 4> kRanges{
        {{'u', 'u'}, {'A', 'Z'}, {'A', 'Z'}, {'0', '9'}}};
    std::array<std::byte, kRanges.size()> mark;
    if (!read_at(position, mark)) return false;
    if (std::ranges::all_of(mark, [](std::byte byte) { return byte == std::byte{0xFF}; }))
        return true;
    return std::ranges::equal(mark, kRanges, [](std::byte byte, const auto& range) {
        const auto letter = std::to_integer<int>(byte);
        return letter >= range[0] && letter <= range[1];
    });
}

bool FileFlash::load_device_id() {
    std::array<std::byte, sizeof(device_id_)> bytes;
    if (!read_at(kIdentityPosition, bytes)) return false;
    device_id_ = std::bit_cast<std::uint64_t>(bytes);
    if (is_device_id(device_id_)) return true;
    std::random_device entropy;
    device_id_ = (std::uint64_t{entropy()} << 16 ^ entropy()) & ~kDeviceIdMask;
    device_id_ |= kDeviceIdBits;
    bytes = std::bit_cast<decltype(bytes)>(device_id_);
    return store(kIdentityPosition, bytes);
}

FileFlash::~FileFlash() {
    if (whole_ != nullptr) munmap(whole_, kWholeBytes);
    close(fd_);
    if (log_fd_ >= 0) close(log_fd_);
}

bool FileFlash::log_to(const std::string& path, std::string& error) {
    log_fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd_ >= 0) return true;
    error = "cannot open the flash log " + path + ": " + std::strerror(errno);
    return false;
}

bool FileFlash::shrink(std::string_view label, std::uint32_t size_bytes) {
    for (std::size_t i = 0; i < kRegionCount; ++i) {
        if (kRegions[i].label != label) continue;
        if (size_bytes > kRegions[i].size_bytes) return false;
        sizes_bytes_[i] = size_bytes;
        return true;
    }
    return false;
}

// Before the act itself, so that the log of a device whose power is cut is whole.
bool FileFlash::note(const char* act, Region region, std::uint32_t offset, std::size_t size) {
    if (log_fd_ < 0) return true;
    const char* label = kRegions[static_cast<std::size_t>(region)].label;
    return dprintf(log_fd_, "%s %s %u %zu\n", act, label, offset, size) > 0;
}

std::uint32_t FileFlash::size_bytes(Region region) const {
    return sizes_bytes_[static_cast<std::size_t>(region)];
}

bool FileFlash::inside(Region region, std::uint32_t offset, std::size_t size) const {
    return offset <= size_bytes(region) && size <= size_bytes(region) - offset;
}

std::int64_t FileFlash::position(Region region, std::uint32_t offset) const {
    return start_of(static_cast<std::size_t>(region)) + offset;
}

bool FileFlash::read_at(std::int64_t at, std::span<std::byte> out) const {
    const ssize_t count = pread(fd_, out.data(), out.size(), at);
    if (count < 0) return false;
    std::ranges::fill(out.subspan(static_cast<std::size_t>(count)), std::byte{0xFF});
    return true;
}

bool FileFlash::read(Region region, std::uint32_t offset, std::span<std::byte> out) {
    return inside(region, offset, out.size()) && read_at(position(region, offset), out);
}

// A hole in the file would read as zeros: what lies before `at` is written as erased.
bool FileFlash::fill_up_to(std::int64_t at) {
    struct stat status{};
    if (fstat(fd_, &status) != 0) return false;
    Chunk erased;
    erased.fill(std::byte{0xFF});
    for (std::int64_t end = status.st_size; end < at;) {
        const auto count = std::min<std::int64_t>(at - end, Flash::kSectorBytes);
        if (!write_whole(fd_, std::span(erased).first(static_cast<std::size_t>(count)), end))
            return false;
        end += count;
    }
    return true;
}

bool FileFlash::store(std::int64_t at, std::span<const std::byte> bytes) {
    if (!fill_up_to(at)) return false;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), bytes_left_));
    if (!write_whole(fd_, bytes.first(count), at)) return false;
    if (bytes_left_ != UINT64_MAX) bytes_left_ -= count;
    if (count < bytes.size() || bytes_left_ == 0) _exit(EXIT_FAILURE);
    return true;
}

bool FileFlash::write(Region region, std::uint32_t offset, std::span<const std::byte> bytes) {
    if (!inside(region, offset, bytes.size())) return false;
    if (!note("write", region, offset, bytes.size())) return false;
    const std::int64_t start = position(region, offset);
    Chunk chunk;
    for (std::size_t done = 0; done < bytes.size();) {
        const std::size_t count = std::min(bytes.size() - done, chunk.size());
        const std::int64_t at = start + static_cast<std::int64_t>(done);
        if (!read_at(at, std::span(chunk).first(count))) return false;
        for (std::size_t i = 0; i < count; ++i) chunk[i] &= bytes[done + i];  // only 1 -> 0
        if (!store(at, {chunk.data(), count})) return false;
        done += count;
    }
    return true;
}

bool FileFlash::erase(Region region, std::uint32_t offset, std::uint32_t size) {
    if (!inside(region, offset, size) || (offset | size) % kSectorBytes != 0) return false;
    if (!note("erase", region, offset, size)) return false;
    Chunk erased;
    erased.fill(std::byte{0xFF});
    for (std::uint32_t done = 0; done < size; done += kSectorBytes)
        if (!store(position(region, offset + done), erased)) return false;
    return true;
}

// Memory behind the end of a file must not be touched, so the file grows to the region's end. The
// whole of it is mapped, because a region need not begin with a page.
std::span<const std::byte> FileFlash::mapped(Region region) {
    if (!fill_up_to(position(region, size_bytes(region)))) return {};
    if (whole_ == nullptr) {
        void* memory = mmap(nullptr, kWholeBytes, PROT_READ, MAP_SHARED, fd_, 0);
        if (memory == MAP_FAILED) return {};
        whole_ = memory;
    }
    return {static_cast<const std::byte*>(whole_) + position(region, 0), size_bytes(region)};
}

}  // namespace ugpt::port::posix
