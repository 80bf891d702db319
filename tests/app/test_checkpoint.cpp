// Checkpoints survive whatever happens to the power while they are written.

#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "app/fakes.h"
#include "base/crc32.h"
#include "check.h"
#include "store/checkpoint.h"
#include "store/slot_pair.h"

using namespace ugpt;
using store::CheckpointInfo;
using store::CheckpointStore;
using store::Result;
using test::MemoryFlash;

namespace {

constexpr engine::Shape kShape{1, 4, 2, 4, 5};
constexpr std::uint32_t kRegionBytes = 3 * port::Flash::kSectorBytes;
constexpr std::array<std::byte, 5> kVocabulary{std::byte{'a'}, std::byte{'b'}, std::byte{'c'},
                                               std::byte{0xC3}, std::byte{0xA9}};

struct Subject {
    test::ManualClock clock;
    test::FakePlatform platform{clock, {256 * 1024}};
    engine::Arena arena{platform.memory_blocks()};
    engine::Model model;

    explicit Subject(std::uint64_t seed, const engine::Recipe& recipe = {}) {
        CHECK(model.create(kShape, recipe, arena));
        model.init_weights(seed, 0.08f);
    }

    void train(std::uint32_t steps) {
        constexpr std::array<engine::Token, 3> kText{0, 3, 1};
        for (std::uint32_t i = 0; i < steps; ++i) model.train_step(kText);
    }
};

CheckpointInfo info_at(std::uint32_t step, const engine::Recipe& recipe = {}) {
    return {.run_id = 9,
            .step = step,
            .target_step = 100,
            .save_every = 10,
            .shape = kShape,
            .recipe = recipe,
            .vocabulary_bytes = kVocabulary.size()};
}

constexpr std::array kKinds{engine::TensorKind::weights, engine::TensorKind::first_moment,
                            engine::TensorKind::second_moment};

std::vector<float> values_of(const engine::Model& model, engine::TensorKind kind, std::size_t i) {
    std::vector<float> values(model.parameter(i).size());
    model.read(model.parameter(i), kind, 0, values);
    return values;
}

bool same_tensors(const engine::Model& a, const engine::Model& b) {
    for (std::size_t i = 0; i < a.parameter_count(); ++i) {
        for (const engine::TensorKind kind : kKinds) {
            const std::vector<float> left = values_of(a, kind, i), right = values_of(b, kind, i);
            if (std::memcmp(left.data(), right.data(), left.size() * sizeof(float)) != 0)
                return false;
        }
    }
    return true;
}

// What versions before packed checkpoints wrote, whatever the format of the moments: floats.
struct FloatsRecord {
    static constexpr std::uint32_t kBytes = CheckpointInfo::kBytes + 8;
    CheckpointInfo info;
    std::uint32_t payload_bytes = 0;
    std::uint32_t payload_crc = 0;

    [[nodiscard]] static std::uint32_t mark() { return 0x31504375; }
    void encode(base::ByteWriter& writer) const {
        info.encode(writer);
        writer.u32(payload_bytes);
        writer.u32(payload_crc);
    }
    static std::optional<FloatsRecord> decode(std::uint32_t, base::ByteReader& reader) {
        const auto info = CheckpointInfo::decode(reader);
        return FloatsRecord{*info, reader.u32(), reader.u32()};
    }
};

void save_as_older_versions(MemoryFlash& flash, const CheckpointInfo& info,
                            const engine::Model& model) {
    std::vector<std::byte> payload(kVocabulary.begin(), kVocabulary.end());
    payload.resize((payload.size() + 3) / 4 * 4);
    for (std::size_t i = 0; i < model.parameter_count(); ++i) {
        for (const engine::TensorKind kind : kKinds) {
            const std::vector<float> values = values_of(model, kind, i);
            const auto bytes = std::as_bytes(std::span(values));
            payload.insert(payload.end(), bytes.begin(), bytes.end());
        }
    }
    store::SlotPair<FloatsRecord> slots(flash, port::Region::checkpoint_a,
                                        port::Region::checkpoint_b);
    CHECK(slots.begin(static_cast<std::uint32_t>(payload.size())));
    CHECK(flash.write(slots.next(), store::SlotPair<FloatsRecord>::kHeaderBytes, payload));
    CHECK(slots.commit(
        {info, static_cast<std::uint32_t>(payload.size()), base::crc32(std::span(payload))}));
}

const engine::Recipe kBf16{.moments = engine::MomentFormat::bf16};
const engine::Recipe kQ8{.moments = engine::MomentFormat::q8};

// Loads the newest checkpoint and returns its step; 0 if there is none or it is not `expected`.
std::uint32_t reload(MemoryFlash& flash, const Subject& expected) {
    CheckpointStore store(flash);
    const auto found = store.find_newest();
    if (!found) return 0;
    Subject loaded(1);
    std::array<std::byte, kVocabulary.size()> vocabulary{};
    if (!store.load(loaded.model, vocabulary) || vocabulary != kVocabulary) return 0;
    return same_tensors(loaded.model, expected.model) ? found->step : 0;
}

// Calls `act` again and again: each time a later read fails, and the last time none.
template <typename Act, typename Check>
void with_each_read_failing(MemoryFlash& flash, Act&& act, Check&& check) {
    bool failed = true;
    for (std::uint64_t reads = 0; failed; ++reads) {
        flash.reads_until_failure = reads;
        const auto result = act();
        failed = flash.reads_until_failure > reads;
        flash.reads_until_failure = UINT64_MAX;
        check(result, failed);
    }
}

}  // namespace

TEST(an_empty_flash_has_no_checkpoint) {
    MemoryFlash flash(kRegionBytes);
    CHECK(!CheckpointStore(flash).find_newest());
}

TEST(what_is_saved_is_loaded) {
    MemoryFlash flash(kRegionBytes);
    const Subject subject(5);
    CHECK(CheckpointStore(flash).save(info_at(42), subject.model, kVocabulary) == Result::ok);
    CHECK(CheckpointStore(flash).find_newest() == info_at(42));
    CHECK(reload(flash, subject) == 42);
}

TEST(a_run_goes_on_from_a_checkpoint_with_the_same_bits) {
    for (const engine::Recipe& recipe : {engine::Recipe{}, kBf16, kQ8}) {
        MemoryFlash flash(kRegionBytes);
        Subject uninterrupted(5, recipe);
        uninterrupted.train(20);
        CHECK(CheckpointStore(flash).save(info_at(20, recipe), uninterrupted.model, kVocabulary) ==
              Result::ok);
        CheckpointStore store(flash);
        CHECK(store.find_newest() == info_at(20, recipe));
        Subject resumed(1, recipe);
        std::array<std::byte, kVocabulary.size()> vocabulary{};
        CHECK(store.load(resumed.model, vocabulary) && vocabulary == kVocabulary);
        CHECK(same_tensors(resumed.model, uninterrupted.model));
        resumed.model.set_step(20);
        resumed.train(10);
        uninterrupted.train(10);
        CHECK(same_tensors(resumed.model, uninterrupted.model));
    }
}

TEST(packed_moments_stay_packed) {
    const std::uint64_t parameters = engine::Model::plan(kShape, {}, engine::Arena{}).parameters;
    const auto size = [](const engine::Recipe& recipe) {
        return CheckpointStore::size_bytes(kShape, recipe.moments, kVocabulary.size());
    };
    CHECK(size({}) - size(kBf16) == 4 * parameters);
    // A matrix has an exponent for 64 values, in whole words.
    CHECK(size({}) - size(kQ8) > 5 * parameters);
    for (const engine::Recipe& recipe : {engine::Recipe{}, kBf16, kQ8}) {
        MemoryFlash flash(kRegionBytes);
        const Subject subject(5, recipe);
        CHECK(CheckpointStore(flash).save(info_at(1, recipe), subject.model, kVocabulary) ==
              Result::ok);
        constexpr std::uint32_t kSector = port::Flash::kSectorBytes;
        const std::uint64_t erased = (size(recipe) + kSector - 1) / kSector;
        CHECK(flash.written == erased + size(recipe));
    }
}

TEST(a_checkpoint_of_older_versions_is_read_and_left_until_a_newer_one_is_whole) {
    for (const engine::Recipe& recipe : {engine::Recipe{}, kBf16, kQ8}) {
        MemoryFlash flash(kRegionBytes);
        Subject subject(5, recipe);
        subject.train(20);
        save_as_older_versions(flash, info_at(20, recipe), subject.model);
        CheckpointStore store(flash);
        CHECK(store.find_newest() == info_at(20, recipe));
        Subject loaded(1, recipe);
        std::array<std::byte, kVocabulary.size()> vocabulary{};
        CHECK(store.load(loaded.model, vocabulary) && vocabulary == kVocabulary);
        CHECK(same_tensors(loaded.model, subject.model));
        // The next one is found first, and the older one where it was.
        loaded.model.set_step(20);
        loaded.train(1);
        CHECK(store.save(info_at(21, recipe), loaded.model, kVocabulary) == Result::ok);
        CHECK(CheckpointStore(flash).find_newest() == info_at(21, recipe));
        CHECK(store.load(subject.model, vocabulary));
        CHECK(same_tensors(loaded.model, subject.model));
        CHECK(flash.erase(port::Region::checkpoint_b, 0, port::Flash::kSectorBytes));
        CHECK(CheckpointStore(flash).find_newest() == info_at(20, recipe));
    }
}

TEST(the_newest_of_many_is_found) {
    MemoryFlash flash(kRegionBytes);
    const Subject subject(5);
    for (std::uint32_t step = 1; step <= 7; ++step) {
        CheckpointStore store(flash);  // a new start each time
        (void)store.find_newest();
        CHECK(store.save(info_at(step), subject.model, kVocabulary) == Result::ok);
        CHECK(reload(flash, subject) == step);
    }
}

TEST(a_power_cut_at_any_byte_leaves_a_checkpoint) {
    const Subject older(5);
    const Subject newer(6);
    for (std::uint64_t budget = 0;; ++budget) {
        MemoryFlash flash(kRegionBytes);
        CheckpointStore store(flash);
        CHECK(store.save(info_at(1), older.model, kVocabulary) == Result::ok);
        CHECK(store.save(info_at(2), older.model, kVocabulary) == Result::ok);
        flash.budget = budget;
        bool cut = false;
        try {
            (void)store.save(info_at(3), newer.model, kVocabulary);
        } catch (const test::PowerCut&) {
            cut = true;
        }
        flash.budget = UINT64_MAX;
        if (!cut) {
            CHECK(reload(flash, newer) == 3);
            break;
        }
        if (!CHECK(reload(flash, older) == 2 || reload(flash, newer) == 3)) break;
    }
}

TEST(a_model_larger_than_a_slot_is_refused) {
    MemoryFlash flash(port::Flash::kSectorBytes);
    test::ManualClock clock;
    test::FakePlatform platform{clock, {256 * 1024}};
    engine::Arena arena(platform.memory_blocks());
    engine::Model model;
    const engine::Shape large{1, 16, 4, 16, 27};
    CHECK(model.create(large, {}, arena));
    CheckpointInfo info = info_at(1);
    info.shape = large;
    CHECK(CheckpointStore::size_bytes(large, {}, info.vocabulary_bytes) > flash.size_bytes({}));
    CHECK(CheckpointStore(flash).save(info, model, kVocabulary) == Result::no_room);
    CHECK(!CheckpointStore(flash).find_newest());
}

TEST(flash_that_does_not_keep_what_is_written_is_noticed) {
    MemoryFlash flash(kRegionBytes);
    const Subject subject(5);
    flash.broken = true;
    CHECK(CheckpointStore(flash).save(info_at(1), subject.model, kVocabulary) ==
          Result::flash_failed);
}

TEST(a_changed_bit_is_noticed) {
    MemoryFlash flash(kRegionBytes);
    const Subject subject(5);
    CheckpointStore store(flash);
    CHECK(store.save(info_at(1), subject.model, kVocabulary) == Result::ok);
    CHECK(store.save(info_at(2), subject.model, kVocabulary) == Result::ok);
    const std::uint32_t size = CheckpointStore::size_bytes(kShape, {}, kVocabulary.size());
    for (std::uint32_t at = 0; at < size; at += 7) {
        std::array<std::byte, 1> kept{};
        CHECK(flash.read(port::Region::checkpoint_b, at, kept));
        if (kept[0] == std::byte{0}) continue;  // has no bit left to fall
        MemoryFlash copy = flash;
        const std::array<std::byte, 1> fallen{kept[0] & (kept[0] ^ std::byte{0xFF})};
        CHECK(copy.write(port::Region::checkpoint_b, at, fallen));
        CHECK(CheckpointStore(copy).find_newest()->step == 1);
    }
}

TEST(a_payload_that_the_flash_did_not_keep_is_noticed_before_the_older_one_is_given_up) {
    MemoryFlash flash(kRegionBytes);
    Subject subject(1);
    CheckpointStore store(flash);
    CHECK(store.save(info_at(1), subject.model, kVocabulary) == Result::ok);
    flash.lost_from = 400;  // behind the header
    CHECK(store.save(info_at(2), subject.model, kVocabulary) == Result::flash_failed);
    flash.lost_from = UINT32_MAX;
    CHECK(CheckpointStore(flash).find_newest() == info_at(1));
    CHECK(store.save(info_at(3), subject.model, kVocabulary) == Result::ok);
    CHECK(CheckpointStore(flash).find_newest() == info_at(3));
}

TEST(a_header_that_the_flash_did_not_keep_is_noticed) {
    MemoryFlash flash(kRegionBytes);
    const Subject subject(1);
    CheckpointStore store(flash);
    CHECK(store.save(info_at(1), subject.model, kVocabulary) == Result::ok);
    flash.freeze_after = 2 * flash.written - 1;  // all but the last byte of the next one
    CHECK(store.save(info_at(2), subject.model, kVocabulary) == Result::flash_failed);
    flash.freeze_after = UINT64_MAX;
    CHECK(store.find_newest() == info_at(1));
}

TEST(a_read_that_fails_is_an_error) {
    for (const engine::Recipe& recipe : {engine::Recipe{}, kQ8}) {
        MemoryFlash flash(kRegionBytes);
        const Subject subject(5, recipe);
        Subject loaded(1, recipe);
        std::array<std::byte, kVocabulary.size()> vocabulary{};
        CheckpointStore store(flash);
        CHECK(store.save(info_at(1, recipe), subject.model, kVocabulary) == Result::ok);
        with_each_read_failing(
            flash, [&] { return store.load(loaded.model, vocabulary); },
            [](bool whole, bool failed) { CHECK(whole != failed); });
        CHECK(same_tensors(loaded.model, subject.model));
        with_each_read_failing(
            flash, [&] { return store.save(info_at(2, recipe), subject.model, kVocabulary); },
            [](Result result, bool failed) {
                CHECK(result == (failed ? Result::flash_failed : Result::ok));
            });
        CHECK(store.save(info_at(3, recipe), subject.model, kVocabulary) == Result::ok);
        with_each_read_failing(
            flash, [&] { return store.find_newest(); },
            [](const auto& found, bool failed) {
                CHECK(found && (found->step == 3 || (failed && found->step == 2)));
            });
        CHECK(flash.erase(port::Region::checkpoint_b, 0, port::Flash::kSectorBytes));
        flash.reads_until_failure = 0;  // of the only header
        CHECK(!CheckpointStore(flash).find_newest());
    }
}
