// What breaks while a run is under way: the arithmetic, the flash, the memory of the line.

#include <bit>
#include <cstring>
#include <limits>

#include "app/bench.h"
#include "base/crc32.h"

using namespace ugpt;
using test::Bench;
using test::MemoryFlash;

namespace {

using rpc::ErrorCode;

void set_weight(Bench& bench, float value) {
    std::array<std::uint8_t, 40 * sizeof(float)> bytes{};
    std::memcpy(bytes.data(), &value, sizeof(value));
    CHECK(bench.call(rpc::TensorWriteParams{"wte", rpc::TensorKind::weights, 0, bytes}) ==
          ErrorCode::none);
}

}  // namespace

TEST(a_loss_that_is_not_finite_stops_the_run) {
    for (const float value :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        Bench bench;
        bench.handshake();
        bench.create();
        set_weight(bench, value);
        rpc::DocumentsWriteResult documents;
        CHECK(bench.write_documents(0, 20, documents) == ErrorCode::none);
        CHECK(bench.call(rpc::TrainParams{20, 0}) == ErrorCode::none);
        CHECK(bench.reach([](const auto& s) { return s.state == rpc::DeviceState::idle; }));
        rpc::Status status = bench.status();
        CHECK(status.error == static_cast<std::uint8_t>(ErrorCode::not_finite));
        CHECK(status.step == 0 && status.target_step == 0);
        // Whatever was sent for the steps ahead is asked for again: a new line of steps begins.
        CHECK(status.documents_next == 0);

        // A sound model trains on from there, and the error is gone.
        set_weight(bench, 0.25f);
        CHECK(bench.call(rpc::SeekParams{0}) == ErrorCode::none);
        CHECK(bench.status().error == 0);
        CHECK(bench.write_documents(0, 20, documents) == ErrorCode::none);
        CHECK(bench.call(rpc::TrainParams{20, 0}) == ErrorCode::none);
        CHECK(bench.reach([](const auto& s) { return s.step == 20; }));
        CHECK(bench.status().error == 0);
    }
}

TEST(training_resumes_after_an_error_without_a_seek) {
    Bench bench;
    bench.handshake();
    bench.create();
    set_weight(bench, std::numeric_limits<float>::quiet_NaN());
    rpc::DocumentsWriteResult documents;
    CHECK(bench.write_documents(0, 20, documents) == ErrorCode::none);
    CHECK(bench.call(rpc::TrainParams{20, 0}) == ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.error != 0; }));
    set_weight(bench, 0.25f);
    CHECK(bench.call(rpc::TrainParams{20, 0}) == ErrorCode::none);
    CHECK(bench.write_documents(0, 20, documents) == ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.step == 20; }));
    CHECK(bench.status().error == 0);
}

TEST(a_run_outlives_a_flash_that_fails_on_its_way) {
    const auto flash = std::make_shared<MemoryFlash>(256 * 1024);
    Bench bench(flash);
    bench.handshake();
    bench.create();
    rpc::DocumentsWriteResult documents;
    CHECK(bench.write_documents(0, 60, documents) == ErrorCode::none);
    CHECK(bench.call(rpc::TrainParams{10, 5}) == ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.saved_step == 10; }));
    for (std::atomic<bool>* fault : {&flash->failing, &flash->broken}) {
        const std::uint32_t step = bench.status().step;
        *fault = true;
        CHECK(bench.call(rpc::TrainParams{step + 10, 5}) == ErrorCode::none);
        CHECK(bench.reach([&](const auto& s) {
            return s.step == step + 10 && s.state == rpc::DeviceState::idle;
        }));
        CHECK(bench.status().saved_step == step);
        CHECK(bench.call(rpc::SaveParams{}) == ErrorCode::flash_failed);
        *fault = false;
        CHECK(bench.call(rpc::SaveParams{}) == ErrorCode::none);
        CHECK(bench.status().saved_step == step + 10);
    }
}

TEST(a_run_from_flash_does_not_begin_without_its_loss_history) {
    const auto flash = std::make_shared<MemoryFlash>(256 * 1024);
    Bench bench(flash);
    bench.handshake();
    bench.create();
    const std::array<std::uint8_t, 3> content{1, 0, 1};
    CHECK(bench.call(rpc::DataBeginParams{{1, 3, 1, base::crc32(std::span(content))}}) ==
          ErrorCode::none);
    CHECK(bench.call(rpc::DataWriteParams{0, content}) == ErrorCode::none);
    flash->failing = true;
    CHECK(bench.call(rpc::DataCommitParams{}) == ErrorCode::flash_failed);
    flash->failing = false;
    CHECK(bench.call(rpc::DataCommitParams{}) == ErrorCode::none);
    flash->failing = true;
    CHECK(bench.call(rpc::TrainParams{10, 0, rpc::Source::flash}) == ErrorCode::flash_failed);
    CHECK(bench.status().step == 0);
    CHECK(bench.call(rpc::AutorunParams{true, 1.0f}) == ErrorCode::flash_failed);
    CHECK(!bench.status().autorun);
    flash->failing = false;
    CHECK(bench.call(rpc::TrainParams{10, 0, rpc::Source::flash}) == ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.step == 10; }));
}

TEST(a_start_that_cannot_read_the_checkpoint_leaves_it) {
    const auto flash = std::make_shared<MemoryFlash>(256 * 1024);
    std::array<std::uint8_t, 32> digest{};
    {
        Bench bench(flash);
        bench.handshake();
        bench.create();
        digest = bench.weights_digest();
        CHECK(bench.call(rpc::SaveParams{}) == ErrorCode::none);
    }
    std::size_t without = 0;
    for (std::uint64_t reads = 0; flash->reads_until_failure >= reads; ++reads) {
        flash->reads_until_failure = reads;
        Bench bench(flash);
        bench.handshake();
        if (bench.status().run_id == 1) {
            CHECK(bench.weights_digest() == digest);
            continue;
        }
        ++without;
        CHECK(bench.status().state == rpc::DeviceState::empty);
        CHECK(bench.call(rpc::SampleParams{.temperature = 1.0f}) == ErrorCode::no_model);
    }
    CHECK(without > 3);
}
