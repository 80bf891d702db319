// Whatever a host may send, the device refuses what it must not do, and nothing has changed then.
// The host checks before it sends, so these requests are made by hand.

#include <array>
#include <cstring>
#include <limits>
#include <vector>

#include "app/bench.h"
#include "base/crc32.h"

using namespace ugpt;
using test::Bench;
using test::kRecipe;
using test::kShape;

namespace {

using rpc::ErrorCode;

struct WithModel : Bench {
    WithModel() {
        handshake();
        create();
    }
    // Something to train on for a long time.
    void start_training() {
        rpc::Recipe recipe = kRecipe;
        recipe.total_steps = 1'000'000;
        CHECK(call(rpc::CreateParams{2, kShape, recipe, 4}) == ErrorCode::none);
        CHECK(call(rpc::InitWeightsParams{3, 0.08f}) == ErrorCode::none);
        CHECK(call(rpc::TrainParams{1'000'000, 0}) == ErrorCode::none);
        CHECK(reach([](const auto& s) { return s.state == rpc::DeviceState::waiting; }));
    }
    std::vector<std::uint8_t> vocabulary() {
        rpc::VocabularyReadResult result;
        CHECK(call(rpc::VocabularyReadParams{0, 100}, result) == ErrorCode::none);
        return {result.data.begin(), result.data.end()};
    }
    std::vector<std::uint8_t> tensor(const char* name) {
        rpc::TensorReadResult result;
        CHECK(call(rpc::TensorReadParams{name, rpc::TensorKind::weights, 0, 64}, result) ==
              ErrorCode::none);
        return {result.data.begin(), result.data.end()};
    }
};

constexpr std::array<std::uint8_t, 8> kBytes{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'};

}  // namespace

TEST(a_vocabulary_is_written_within_its_bounds_only) {
    WithModel bench;
    const std::span bytes(kBytes);
    CHECK(bench.call(rpc::VocabularyWriteParams{0, bytes.first(4)}) == ErrorCode::none);
    const auto weights = bench.tensor("wte");
    for (const std::uint32_t offset : {1u, 4u, 5u, 0xFFFFFFFFu, 0xFFFFFFFCu})
        CHECK(bench.call(rpc::VocabularyWriteParams{offset, bytes.first(4)}) ==
              ErrorCode::bad_params);
    CHECK(bench.call(rpc::VocabularyWriteParams{0, bytes.first(5)}) == ErrorCode::bad_params);
    CHECK(bench.call(rpc::VocabularyWriteParams{4, {}}) == ErrorCode::none);
    CHECK(bench.call(rpc::VocabularyWriteParams{5, {}}) == ErrorCode::bad_params);
    CHECK((bench.vocabulary() == std::vector<std::uint8_t>{'a', 'b', 'c', 'd'}));
    CHECK(bench.tensor("wte") == weights);
}

TEST(a_vocabulary_is_read_within_its_bounds_only) {
    WithModel bench;
    rpc::VocabularyReadResult result;
    CHECK(bench.call(rpc::VocabularyReadParams{4, 1}, result) == ErrorCode::none);
    CHECK(result.data.empty());
    CHECK(bench.call(rpc::VocabularyReadParams{5, 1}, result) == ErrorCode::bad_params);
    CHECK(bench.call(rpc::VocabularyReadParams{2, 8000}, result) == ErrorCode::none);
    CHECK(result.data.size() == 2);
}

TEST(a_tensor_is_written_within_its_bounds_only) {
    WithModel bench;
    std::array<std::uint8_t, 64 * sizeof(float)> values{};
    const std::span bytes(values);
    const auto write = [&](const char* name, std::uint32_t offset, std::size_t size) {
        return bench.call(
            rpc::TensorWriteParams{name, rpc::TensorKind::weights, offset, bytes.first(size)});
    };
    const auto wte = bench.tensor("wte");  // 5 x 8 values
    CHECK(write("wte", 0, 41 * sizeof(float)) == ErrorCode::unknown_tensor);
    CHECK(write("wte", 40, sizeof(float)) == ErrorCode::unknown_tensor);
    CHECK(write("wte", 0xFFFFFFFF, sizeof(float)) == ErrorCode::unknown_tensor);
    CHECK(write("wte", 0, 7) == ErrorCode::unknown_tensor);               // no whole value
    CHECK(write("wte", 0, 39 * sizeof(float)) == ErrorCode::bad_params);  // no whole block
    CHECK(write("layer0.attn_wq", 1, 63 * sizeof(float)) == ErrorCode::bad_params);
    CHECK(write("layer1.attn_wq", 0, 64 * sizeof(float)) == ErrorCode::unknown_tensor);
    CHECK(write("wt", 0, 40 * sizeof(float)) == ErrorCode::unknown_tensor);
    CHECK(bench.tensor("wte") == wte);
    CHECK(write("wte", 0, 40 * sizeof(float)) == ErrorCode::none);
    rpc::TensorReadResult result;
    CHECK(bench.call(rpc::TensorReadParams{"wte", rpc::TensorKind::weights, 40, 1}, result) ==
          ErrorCode::unknown_tensor);
}

TEST(nothing_that_needs_an_idle_trainer_is_done_while_it_trains) {
    WithModel bench;
    bench.start_training();
    const auto wte = bench.tensor("wte");
    std::array<std::uint8_t, 40 * sizeof(float)> zeros{};
    CHECK(bench.call(rpc::TensorWriteParams{"wte", rpc::TensorKind::weights, 0, zeros}) ==
          ErrorCode::busy);
    CHECK(bench.call(rpc::CreateParams{3, kShape, kRecipe, 4}) == ErrorCode::busy);
    CHECK(bench.call(rpc::InitWeightsParams{4, 0.08f}) == ErrorCode::busy);
    CHECK(bench.call(rpc::SeekParams{7}) == ErrorCode::busy);
    CHECK(bench.tensor("wte") == wte);
    const rpc::Status status = bench.status();
    CHECK(status.run_id == 2 && status.step == 0 && status.target_step == 1'000'000);
}

TEST(a_rate_above_the_highest_is_refused) {
    Bench bench;  // the fake chip reaches 921,600
    bench.handshake();
    CHECK(bench.call(rpc::SetBaudParams{921'601}) == ErrorCode::bad_params);
    CHECK(bench.call(rpc::SetBaudParams{5'000'000}) == ErrorCode::bad_params);
    CHECK(bench.call(rpc::PingParams{}) == ErrorCode::none);
    CHECK(bench.serial.bauds().empty());
    CHECK(bench.call(rpc::SetBaudParams{921'600}) == ErrorCode::none);
}

TEST(steps_times_documents_must_be_countable) {
    WithModel bench;
    rpc::Recipe recipe = kRecipe;
    recipe.total_steps = 16'777'216;
    recipe.batch = 256;  // 2^32
    CHECK(bench.call(rpc::CreateParams{2, kShape, recipe, 4}) == ErrorCode::bad_params);
    CHECK(bench.status().run_id == 1);
    recipe.batch = 255;
    CHECK(bench.call(rpc::CreateParams{2, kShape, recipe, 4}) == ErrorCode::none);
}

TEST(a_target_beyond_the_recipe_is_refused) {
    WithModel bench;  // 100 steps
    CHECK(bench.call(rpc::TrainParams{101, 0}) == ErrorCode::bad_params);
    CHECK(bench.status().target_step == 0);
    CHECK(bench.call(rpc::TrainParams{100, 0}) == ErrorCode::none);
}

TEST(a_sample_needs_a_uniform_for_every_token) {
    WithModel bench;
    std::array<std::uint8_t, 9 * sizeof(float)> uniforms{};
    const auto sample = [&](std::size_t count, std::span<const std::uint8_t> prompt) {
        return bench.call(rpc::SampleParams{.temperature = 1.0f,
                                            .prompt = prompt,
                                            .uniforms = std::span(uniforms).first(count * 4)});
    };
    const std::array<std::uint8_t, 3> prompt{0, 1, 2};
    CHECK(sample(7, {}) == ErrorCode::bad_params);  // a context of 8
    CHECK(sample(8, {}) == ErrorCode::none);
    CHECK(sample(9, {}) == ErrorCode::none);
    CHECK(sample(4, prompt) == ErrorCode::bad_params);
    CHECK(sample(5, prompt) == ErrorCode::none);
    const std::array<std::uint8_t, 8> full{};
    CHECK(sample(0, std::span(full).first(7)) == ErrorCode::none);
    CHECK(sample(0, full) == ErrorCode::bad_token);
}

TEST(uniforms_outside_their_range_draw_the_first_or_the_last_token) {
    WithModel bench;
    const auto sample = [&](float uniform, rpc::SampleResult& result) {
        std::array<float, 8> uniforms;
        uniforms.fill(uniform);
        std::array<std::uint8_t, sizeof uniforms> bytes;
        std::memcpy(bytes.data(), uniforms.data(), bytes.size());
        CHECK(bench.call(rpc::SampleParams{.temperature = 1.0f, .uniforms = bytes}, result) ==
              ErrorCode::none);
    };
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    rpc::SampleResult result;
    for (const float uniform : {1.0f, 2.0f, kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
        sample(uniform, result);
        CHECK(result.ended && result.tokens.empty());
    }
    for (const float uniform : {-1.0f, -kInfinity}) {
        sample(uniform, result);
        CHECK(!result.ended && result.tokens.size() == 8 && result.tokens[0] == 0);
    }
}

TEST(documents_of_an_evaluation_are_checked) {
    WithModel bench;
    std::array<std::uint8_t, 64> encoded;
    const auto evaluate = [&](std::span<const std::uint8_t> document) {
        rpc::Writer writer(encoded);
        writer.bin(document);
        return bench.call(rpc::EvaluateParams{{1, writer.written()}});
    };
    const std::array<std::uint8_t, 9> bytes{0, 1, 2, 3, 0, 1, 2, 3, 4};
    CHECK(evaluate(std::span(bytes).first(8)) == ErrorCode::none);
    CHECK(evaluate(bytes) == ErrorCode::bad_token);                     // longer than the context
    CHECK(evaluate(std::span(bytes).last(1)) == ErrorCode::bad_token);  // BOS
}

TEST(a_data_set_in_use_is_not_replaced) {
    Bench bench;
    bench.handshake();
    bench.create();
    const std::array<std::uint8_t, 3> content{1, 0, 1};
    const rpc::DataSet set{1, 3, 1, base::crc32(std::span(content))};
    CHECK(bench.call(rpc::DataBeginParams{set}) == ErrorCode::none);
    CHECK(bench.call(rpc::DataWriteParams{1, content}) == ErrorCode::bad_params);  // beyond the end
    CHECK(bench.call(rpc::DataCommitParams{}) == ErrorCode::bad_data);
    CHECK(bench.call(rpc::DataWriteParams{0, content}) == ErrorCode::none);
    CHECK(bench.call(rpc::DataCommitParams{}) == ErrorCode::none);
    rpc::Recipe recipe = kRecipe;
    recipe.total_steps = 1'000'000;
    CHECK(bench.call(rpc::CreateParams{2, kShape, recipe, 4}) == ErrorCode::none);
    CHECK(bench.call(rpc::InitWeightsParams{3, 0.08f}) == ErrorCode::none);
    CHECK(bench.call(rpc::TrainParams{1'000'000, 0, rpc::Source::flash}) == ErrorCode::none);
    CHECK(bench.call(rpc::DataBeginParams{set}) == ErrorCode::busy);
    CHECK(bench.call(rpc::PauseParams{}) == ErrorCode::none);
    CHECK(bench.call(rpc::DataBeginParams{set}) == ErrorCode::none);
    rpc::DataInfoResult info;
    CHECK(bench.call(rpc::DataInfoParams{}, info) == ErrorCode::bad_data);  // erased by now
}

TEST(a_data_set_that_is_whole_is_not_written_to) {
    WithModel bench;
    const std::array<std::uint8_t, 3> content{1, 0, 1};
    const std::array<std::uint8_t, 3> other{1, 0, 0};
    bench.push_data(content, 1);
    CHECK(bench.call(rpc::DataWriteParams{0, other}) == ErrorCode::bad_params);
}

TEST(a_token_beyond_the_vocabulary_stops_a_run_from_flash) {
    for (const std::uint8_t token : {4, 5, 200}) {  // BOS, and beyond
        WithModel bench;
        const std::array<std::uint8_t, 3> content{1, 0, token};
        bench.push_data(content, 1);
        CHECK(bench.call(rpc::TrainParams{5, 0, rpc::Source::flash}) == ErrorCode::none);
        CHECK(bench.reach([](const auto& s) { return s.state == rpc::DeviceState::idle; }));
        const rpc::Status status = bench.status();
        CHECK(status.error == static_cast<std::uint8_t>(ErrorCode::bad_data));
        CHECK(status.step == 0);
    }
}
