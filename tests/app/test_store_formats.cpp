// What version 0.1.0 left in flash is still read: records as that version wrote them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "app/fakes.h"
#include "base/bytes.h"
#include "check.h"
#include "store/checkpoint.h"
#include "store/data_set.h"
#include "store/settings.h"

using namespace ugpt;
using test::MemoryFlash;

namespace {

constexpr std::uint32_t kRegionBytes = 2 * port::Flash::kSectorBytes;

std::vector<std::byte> from_hex(std::string_view hex) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(digit(hex[i]) << 4 | digit(hex[i + 1])));
    return bytes;
}

// `ugpt train names.txt --steps 300 --schedule cosine --moments bf16 --warmup 5`: run id to
// vocabulary size, as a struct with a byte of padding behind `recompute`.
const std::vector<std::byte> kInfo = from_hex(
    "b37904aa2c0100002c0100000000000000000000"
    "010000001000000004000000100000001b000000"
    "0ad7233c9a99593fa4707d3f77cc2b322c0100000100000001010006"
    "0500000000000000000000001a000000");

}  // namespace

TEST(a_checkpoint_record_of_0_1_0_is_read) {
    if (!CHECK(kInfo.size() == store::CheckpointInfo::kBytes)) return;
    base::ByteReader reader(kInfo);
    const auto info = store::CheckpointInfo::decode(reader);
    if (!CHECK(info.has_value())) return;
    CHECK(info->run_id == 0xAA0479B3);
    CHECK(info->step == 300 && info->target_step == 300 && info->save_every == 0);
    CHECK(info->source == store::Source::host);
    CHECK((info->shape == engine::Shape{1, 16, 4, 16, 27}));
    engine::Recipe recipe;
    recipe.total_steps = 300;
    recipe.schedule = engine::Schedule::cosine;
    recipe.moments = engine::MomentFormat::bf16;
    recipe.warmup_steps = 5;
    CHECK(info->recipe == recipe);
    CHECK(info->vocabulary_bytes == 26);
}

TEST(a_record_is_written_as_0_1_0_wrote_it_but_for_the_padding) {
    base::ByteReader reader(kInfo);
    const auto info = store::CheckpointInfo::decode(reader);
    std::array<std::byte, store::CheckpointInfo::kBytes> bytes{};
    base::ByteWriter writer(bytes);
    info->encode(writer);
    CHECK(writer.size() == bytes.size());
    constexpr std::size_t kPadding = 20 + 20 + 27;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        CHECK(i == kPadding ? bytes[i] == std::byte{0} : bytes[i] == kInfo[i]);
}

TEST(values_that_make_no_sense_are_refused) {
    // source, n_head, vocab_size, schedule, moments, recompute, batch
    for (const std::size_t at : {16, 28, 36, 64, 65, 66, 60}) {
        std::vector<std::byte> bytes = kInfo;
        bytes[at] = at == 60 || at == 28 || at == 36 ? std::byte{0} : std::byte{9};
        base::ByteReader reader(bytes);
        CHECK(!store::CheckpointInfo::decode(reader));
    }
}

TEST(settings_of_0_1_0_are_read) {
    MemoryFlash flash(kRegionBytes);
    CHECK(flash.erase(port::Region::settings_a, 0, port::Flash::kSectorBytes));
    CHECK(flash.write(port::Region::settings_a, 0,
                      from_hex("7553453101000000010000000000003feb67fc28")));
    CHECK((store::SettingsStore(flash).load() == store::Settings{true, 0.5f}));
}

TEST(a_data_set_of_0_1_0_is_found) {
    MemoryFlash flash(kRegionBytes);
    CHECK(flash.erase(port::Region::documents, 0, port::Flash::kSectorBytes));
    CHECK(flash.write(port::Region::documents, 0,
                      from_hex("754453312b14000045a100000100000040eaeec608dbf9d5")));
    const auto found = store::DataSetStore(flash).find();
    CHECK((found == store::DataSet{5163, 0xA145, 1, 0xC6EEEA40}));
}
