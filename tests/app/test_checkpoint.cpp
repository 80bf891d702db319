// Checkpoints survive whatever happens to the power while they are written.

#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "app/fakes.h"
#include "check.h"
#include "store/checkpoint.h"

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

    explicit Subject(std::uint64_t seed) {
        CHECK(model.create(kShape, {}, arena));
        model.init_weights(seed, 0.08f);
    }
};

CheckpointInfo info_at(std::uint32_t step) {
    return {.run_id = 9,
            .step = step,
            .target_step = 100,
            .save_every = 10,
            .shape = kShape,
            .recipe = {},
            .vocabulary_bytes = kVocabulary.size()};
}

bool same_tensors(const engine::Model& a, const engine::Model& b) {
    for (std::size_t i = 0; i < a.parameter_count(); ++i) {
        const auto left = std::as_bytes(a.parameter(i).weights);
        const auto right = std::as_bytes(b.parameter(i).weights);
        if (std::memcmp(left.data(), right.data(), left.size()) != 0) return false;
    }
    return true;
}

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
    CHECK(CheckpointStore::size_bytes(large, info.vocabulary_bytes) > flash.size_bytes({}));
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
    const std::uint32_t size = CheckpointStore::size_bytes(kShape, kVocabulary.size());
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
