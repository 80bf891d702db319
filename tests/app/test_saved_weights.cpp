// A device tells whether its trained weights would be lost: what a host has saved would not.

#include <array>
#include <memory>

#include "app/bench.h"

using namespace ugpt;
using test::Bench;
using test::MemoryFlash;

namespace {

using Digest = std::array<std::uint8_t, 32>;

rpc::ErrorCode tell_saved(Bench& bench, std::uint32_t step, const Digest& digest) {
    return bench.call(rpc::WeightsSavedParams{step, digest});
}

// Trains a run, tells that it is saved, and then changes its weights.
void write_over_saved_weights(Bench& bench) {
    bench.handshake();
    bench.create();
    bench.train_to(3);
    CHECK(tell_saved(bench, 3, bench.weights_digest()) == rpc::ErrorCode::none);
    const std::array<std::uint8_t, 256> zeros{};
    CHECK(bench.call(rpc::TensorWriteParams{"layer0.attn_wq", rpc::TensorKind::weights, 0,
                                            zeros}) == rpc::ErrorCode::none);
}

}  // namespace

TEST(weights_are_unsaved_from_the_first_step_until_a_host_has_them) {
    Bench bench;
    bench.handshake();
    CHECK(!bench.status().unsaved);
    bench.create();
    CHECK(!bench.status().unsaved);
    bench.train_to(3);
    CHECK(bench.status().unsaved);
    CHECK(tell_saved(bench, 3, bench.weights_digest()) == rpc::ErrorCode::none);
    CHECK(!bench.status().unsaved);
    bench.train_to(4);
    CHECK(bench.status().unsaved);
}

TEST(a_checkpoint_in_flash_is_no_copy_on_a_host) {
    Bench bench;
    bench.handshake();
    bench.create();
    bench.train_to(3);
    CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::none);
    CHECK(bench.status().unsaved);
}

TEST(only_the_weights_in_memory_are_taken_for_saved) {
    Bench bench;
    bench.handshake();
    CHECK(tell_saved(bench, 0, {}) == rpc::ErrorCode::no_model);
    bench.create();
    bench.train_to(3);
    const Digest digest = bench.weights_digest();
    CHECK(tell_saved(bench, 2, digest) == rpc::ErrorCode::other_run);
    CHECK(tell_saved(bench, 3, {}) == rpc::ErrorCode::other_run);
    CHECK(bench.call(rpc::WeightsSavedParams{3, std::span(digest).first(31)}) ==
          rpc::ErrorCode::other_run);
    CHECK(bench.status().unsaved);
}

TEST(a_run_that_waits_for_documents_is_saved_as_it_stands) {
    Bench bench;
    bench.handshake();
    bench.create();
    bench.train_to(3);
    CHECK(bench.call(rpc::TrainParams{10, 0, rpc::Source::host}) == rpc::ErrorCode::none);
    CHECK(tell_saved(bench, 3, bench.weights_digest()) == rpc::ErrorCode::none);
    CHECK(!bench.status().unsaved);
}

TEST(other_weights_of_the_same_step_are_unsaved) {
    Bench bench;
    write_over_saved_weights(bench);
    CHECK(bench.call(rpc::SeekParams{3}) == rpc::ErrorCode::none);
    CHECK(bench.status().unsaved);
}

TEST(weights_that_are_written_over_are_unsaved) {
    Bench bench;
    write_over_saved_weights(bench);
    CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::none);
    CHECK(bench.status().unsaved);
}

// A restart brings back the checkpoint: whichever of the two was first, saving or being told.
TEST(saved_weights_are_remembered_over_a_restart) {
    for (const bool told_first : {false, true}) {
        const auto flash = std::make_shared<MemoryFlash>(256 * 1024);
        {
            Bench bench(flash);
            bench.handshake();
            bench.create();
            bench.train_to(3);
            if (told_first)
                CHECK(tell_saved(bench, 3, bench.weights_digest()) == rpc::ErrorCode::none);
            CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::none);
            if (!told_first)
                CHECK(tell_saved(bench, 3, bench.weights_digest()) == rpc::ErrorCode::none);
        }
        {
            Bench bench(flash);
            bench.handshake();
            CHECK(bench.status().step == 3 && !bench.status().unsaved);
            bench.train_to(5);
            CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::none);
        }
        Bench bench(flash);
        bench.handshake();
        CHECK(bench.status().step == 5 && bench.status().unsaved);
    }
}

// Another run that happens to stand at the same step.
TEST(saved_weights_of_another_run_count_for_nothing) {
    const auto flash = std::make_shared<MemoryFlash>(256 * 1024);
    {
        Bench bench(flash);
        bench.handshake();
        bench.create(1);
        bench.train_to(3);
        CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::none);
        CHECK(tell_saved(bench, 3, bench.weights_digest()) == rpc::ErrorCode::none);
        bench.create(2);
        bench.train_to(3);
        CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::none);
    }
    Bench bench(flash);
    bench.handshake();
    CHECK(bench.status().run_id == 2 && bench.status().unsaved);
}

// The run was begun again from other weights, and came to the same step.
TEST(saved_weights_of_another_start_of_the_run_count_for_nothing) {
    const auto flash = std::make_shared<MemoryFlash>(256 * 1024);
    {
        Bench bench(flash);
        bench.handshake();
        bench.create();
        bench.train_to(3);
        CHECK(tell_saved(bench, 3, bench.weights_digest()) == rpc::ErrorCode::none);
        CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::none);
        CHECK(bench.call(rpc::InitWeightsParams{4, 0.08f}) == rpc::ErrorCode::none);
        bench.train_to(3);
        CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::none);
    }
    Bench bench(flash);
    bench.handshake();
    CHECK(bench.status().step == 3 && bench.status().unsaved);
}

// A restart brings back the older checkpoint, and what a host has of that is not forgotten.
TEST(weights_that_are_not_in_flash_do_not_take_the_place_of_those_that_are) {
    const auto flash = std::make_shared<MemoryFlash>(256 * 1024);
    {
        Bench bench(flash);
        bench.handshake();
        bench.create();
        bench.train_to(3);
        CHECK(tell_saved(bench, 3, bench.weights_digest()) == rpc::ErrorCode::none);
        rpc::DocumentsWriteResult taken;
        CHECK(bench.write_documents(3, 2, taken) == rpc::ErrorCode::none);
        CHECK(bench.call(rpc::TrainParams{10, 0}) == rpc::ErrorCode::none);
        CHECK(bench.reach([](const auto& s) { return s.step == 5; }));
        CHECK(tell_saved(bench, 5, bench.weights_digest()) == rpc::ErrorCode::none);
    }
    Bench bench(flash);
    bench.handshake();
    CHECK(bench.status().step == 3 && !bench.status().unsaved);
}
