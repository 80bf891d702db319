// What version 0.1.0 left in flash is still read: records as that version wrote them.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "app/fakes.h"
#include "base/bytes.h"
#include "base/crc32.h"
#include "check.h"
#include "store/checkpoint.h"
#include "store/data_set.h"
#include "store/settings.h"
#include "store/slot_pair.h"

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

constexpr std::uint32_t kSettingsMark = 0x31455375;
constexpr std::uint32_t kFloatsMark = 0x31504375;
constexpr std::uint32_t kPackedMark = 0x32504375;

// A record of nothing but words, to write what the stores themselves would not.
template <std::size_t kWords, std::uint32_t kMark>
struct RawRecord {
    static constexpr std::uint32_t kBytes = 4 * kWords;
    std::array<std::uint32_t, kWords> words{};

    [[nodiscard]] static std::uint32_t mark() { return kMark; }
    void encode(base::ByteWriter& writer) const {
        for (const std::uint32_t word : words) writer.u32(word);
    }
    static std::optional<RawRecord> decode(std::uint32_t mark, base::ByteReader& reader) {
        if (mark != kMark) return {};
        RawRecord record;
        for (std::uint32_t& word : record.words) word = reader.u32();
        return record;
    }
};

using RawSettings = RawRecord<2, kSettingsMark>;

// Settings as words in a slot whose checksum holds.
store::Settings load_settings(std::uint32_t autorun, float temperature) {
    MemoryFlash flash(kRegionBytes);
    store::SlotPair<RawSettings> slots(flash, port::Region::settings_a, port::Region::settings_b);
    CHECK(slots.begin(0) && slots.commit({{autorun, std::bit_cast<std::uint32_t>(temperature)}}));
    return store::SettingsStore(flash).load();
}

// Whether a checkpoint of so many zeros is found, behind the mark and what it says of itself.
template <std::uint32_t kMark>
bool finds_checkpoint(std::span<const std::byte> info, std::uint32_t bytes) {
    using Record = RawRecord<23, kMark>;
    constexpr std::uint32_t kHeader = 8 + Record::kBytes + 4;
    MemoryFlash flash(64 * 1024);
    store::SlotPair<Record> slots(flash, port::Region::checkpoint_a, port::Region::checkpoint_b);
    Record record;
    base::ByteReader reader(info);
    for (std::size_t i = 0; i < 21; ++i) record.words[i] = reader.u32();
    const std::vector<std::byte> payload(bytes);
    record.words[21] = bytes;
    record.words[22] = base::crc32(payload);
    CHECK(slots.begin(bytes));
    CHECK(flash.write(slots.next(), kHeader, payload));
    CHECK(slots.commit(record));
    return store::CheckpointStore(flash).find_newest().has_value();
}

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
    struct Change {
        const char* what;
        std::size_t at;
        std::uint32_t value;
    };
    constexpr std::array changes{
        Change{"source", 16, 2},          Change{"n_layer", 20, 0},
        Change{"n_layer", 20, 1u << 17},  Change{"n_embd", 24, 17},
        Change{"n_head", 28, 0},          Change{"block_size", 32, UINT32_MAX},
        Change{"vocab_size", 36, 1},      Change{"batch", 60, 0},
        Change{"batch", 60, UINT32_MAX},  // more documents than can be counted
        Change{"schedule", 64, 3},        Change{"moments", 64, 3 << 8},
        Change{"recompute", 64, 2 << 16},
    };
    for (const Change& change : changes) {
        std::vector<std::byte> bytes = kInfo;
        const auto changed = std::span(bytes).subspan(change.at);
        base::ByteWriter writer(changed);
        writer.u32(change.value);
        base::ByteReader reader(bytes);
        if (!CHECK(!store::CheckpointInfo::decode(reader)))
            std::printf("    %s = %u\n", change.what, static_cast<unsigned>(change.value));
    }
}

TEST(settings_of_0_1_0_are_read) {
    MemoryFlash flash(kRegionBytes);
    CHECK(flash.erase(port::Region::settings_a, 0, port::Flash::kSectorBytes));
    CHECK(flash.write(port::Region::settings_a, 0,
                      from_hex("7553453101000000010000000000003feb67fc28")));
    CHECK((store::SettingsStore(flash).load() == store::Settings{true, 0.5f}));
}

TEST(settings_that_the_flash_did_not_keep_are_not_taken_for_kept) {
    MemoryFlash flash(kRegionBytes);
    store::SettingsStore store(flash);
    const store::Settings kept{true, 0.75f};
    CHECK(store.save({true, 0.25f}) && store.save(kept));
    flash.freeze_after = flash.written.load();  // an older header stays where the new one belongs
    CHECK(!store.save({}));
    flash.freeze_after = UINT64_MAX;
    CHECK(store.load() == kept);
    flash.broken = true;  // nothing is there
    CHECK(!store.save({}));
    CHECK(store.load() == kept);
}

TEST(weights_noted_as_saved_are_found_and_leave_the_settings_as_they_were) {
    MemoryFlash flash(kRegionBytes);
    const store::Settings settings{true, 0.75f};
    store::SavedWeights saved{7, 100, {}};
    CHECK(store::SettingsStore(flash).save(settings));
    CHECK(!store::SettingsStore(flash).saved_weights());
    // More than a sector holds.
    for (std::uint32_t step = 1; step <= 300; ++step) {
        saved = {7, step, {static_cast<std::uint8_t>(step), 1, 2}};
        CHECK(store::SettingsStore(flash).note_saved(saved));
        CHECK(store::SettingsStore(flash).saved_weights() == saved);
    }
    CHECK(store::SettingsStore(flash).load() == settings);
    CHECK((store::SettingsStore(flash).save({false, 0.5f})));
    CHECK(store::SettingsStore(flash).saved_weights() == saved);
    // As 0.1.0 reads a slot.
    store::SlotPair<RawSettings> slots(flash, port::Region::settings_a, port::Region::settings_b);
    const auto found = slots.find_newest([](port::Region, const RawSettings&) { return true; });
    CHECK(found && found->words[0] == 0 && found->words[1] == std::bit_cast<std::uint32_t>(0.5f));
}

TEST(noting_what_is_noted_already_writes_nothing) {
    MemoryFlash flash(kRegionBytes);
    const store::SavedWeights saved{7, 100, {1, 2, 3}};
    CHECK(store::SettingsStore(flash).note_saved(saved));
    const std::uint64_t written = flash.written;
    CHECK(store::SettingsStore(flash).note_saved(saved));
    CHECK(flash.written == written);
}

// At every byte: what was noted before stays, or what is new is whole.
TEST(a_power_cut_while_weights_are_noted_loses_no_settings) {
    for (const std::uint32_t before : {1u, 89u, 90u, 91u, 92u, 93u}) {
        MemoryFlash full(kRegionBytes);
        const store::Settings settings{true, 0.75f};
        CHECK(store::SettingsStore(full).save(settings));
        for (std::uint32_t step = 1; step <= before; ++step)
            CHECK(store::SettingsStore(full).note_saved({7, step, {}}));
        for (std::uint64_t cut = 0; cut <= 80; ++cut) {
            MemoryFlash flash(full);
            flash.freeze_after = cut;
            (void)store::SettingsStore(flash).note_saved({7, 1000, {}});
            flash.freeze_after = UINT64_MAX;
            CHECK(store::SettingsStore(flash).load() == settings);
            const auto found = store::SettingsStore(flash).saved_weights();
            CHECK(found && (found->step == before || found->step == 1000));
            CHECK(store::SettingsStore(flash).note_saved({7, 1001, {}}));
            CHECK(store::SettingsStore(flash).saved_weights()->step == 1001);
        }
    }
}

TEST(a_data_set_of_0_1_0_is_found) {
    MemoryFlash flash(64 * 1024);
    CHECK(flash.erase(port::Region::documents, 0, port::Flash::kSectorBytes));
    CHECK(flash.write(port::Region::documents, 0,
                      from_hex("754453312b14000045a100000100000040eaeec608dbf9d5")));
    const auto found = store::DataSetStore(flash).find();
    CHECK((found == store::DataSet{5163, 0xA145, 1, 0xC6EEEA40}));
}

TEST(settings_that_make_no_sense_are_those_of_a_new_board) {
    constexpr float kInfinite = std::numeric_limits<float>::infinity();
    CHECK((load_settings(1, 0.75f) == store::Settings{true, 0.75f}));
    CHECK((load_settings(2, 0.75f) == store::Settings{true, 0.75f, true}));
    CHECK(load_settings(3, 0.75f) == store::Settings{});
    for (const float temperature :
         {0.0f, -1.0f, kInfinite, std::numeric_limits<float>::quiet_NaN()})
        CHECK(load_settings(1, temperature) == store::Settings{});
}

// A checkpoint whose length is not that of its model's tensors is none, whatever its checksum says.
TEST(a_checkpoint_of_another_length_is_refused) {
    constexpr std::uint32_t kVocabulary = 28;  // 26 bytes, filled up
    constexpr std::uint32_t kParameters = 4192;
    constexpr std::uint32_t kFloats = kVocabulary + kParameters * 12;
    constexpr std::uint32_t kPacked = kVocabulary + kParameters * (4 + 2 * 2);
    for (const std::uint32_t bytes : {kFloats, kPacked, kFloats - 4, kPacked + 4, 0u}) {
        CHECK(finds_checkpoint<kFloatsMark>(kInfo, bytes) == (bytes == kFloats));
        CHECK(finds_checkpoint<kPackedMark>(kInfo, bytes) == (bytes == kPacked));
        CHECK(!finds_checkpoint<0x33504375>(kInfo, bytes));
    }
}

TEST(moments_in_float32_are_not_packed) {
    constexpr std::uint32_t kBytes = 28 + 4192 * 12;
    std::vector<std::byte> info = kInfo;
    info[65] = std::byte{0};
    CHECK(finds_checkpoint<kFloatsMark>(info, kBytes));
    CHECK(!finds_checkpoint<kPackedMark>(info, kBytes));
}

TEST(a_data_set_that_makes_no_sense_is_refused) {
    const std::uint32_t room = kRegionBytes - port::Flash::kSectorBytes;
    struct Header {
        std::uint32_t documents, size_bytes, token_bytes;
        bool sound;
    };
    for (const Header& wanted :
         {Header{3, room, 1, true}, Header{3, room, 2, true}, Header{3, room + 1, 1, false},
          Header{3, room, 3, false}, Header{3, room, 0, false}, Header{0, room, 1, false}}) {
        MemoryFlash flash(kRegionBytes);
        std::array<std::byte, 24> header{};
        base::ByteWriter writer(header);
        for (const std::uint32_t word :
             {0x31534475u, wanted.documents, wanted.size_bytes, wanted.token_bytes, 0u})
            writer.u32(word);
        writer.u32(base::crc32(std::span(header).first(20)));
        CHECK(flash.write(port::Region::documents, 0, header));
        CHECK(store::DataSetStore(flash).find().has_value() == wanted.sound);
    }
}
