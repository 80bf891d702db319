// The whole firmware in memory: requests in, responses out, both tasks running.

#include "app/bench.h"

using namespace ugpt;
using test::Bench;
using test::kRecipe;
using test::kShape;
using test::MemoryFlash;

namespace {

constexpr std::array<std::uint8_t, 3> kGarbage{0x55, 0xAA, 0x13};
constexpr std::uint32_t kLookMs = 1000;  // within which the link task looks at the time

// Keeps the trainer in the middle of a save, so that requests to it pile up.
class HeldTrainer {
  public:
    static constexpr std::uint32_t kSaveId = 900;

    HeldTrainer(Bench& bench, MemoryFlash& flash) : bench_(bench), flash_(flash) {
        bench.settle();
        flash.close_gate();
        bench.send_request(kSaveId, rpc::SaveParams{});
        CHECK(flash.wait_at_gate(test::kPatienceMs));
    }
    // Gives the link task the time to take what it was sent, and lets the trainer go on.
    ~HeldTrainer() {
        bench_.settle(1);
        flash_.open_gate();
    }
    HeldTrainer(const HeldTrainer&) = delete;
    HeldTrainer& operator=(const HeldTrainer&) = delete;

  private:
    Bench& bench_;
    MemoryFlash& flash_;
};

}  // namespace

TEST(nothing_is_answered_before_hello) {
    Bench bench;
    CHECK(bench.call(rpc::StatusParams{}) == rpc::ErrorCode::hello_first);
    rpc::HelloResult hello;
    CHECK(bench.call(rpc::HelloParams{rpc::kProtocolMajor, 0}, hello) == rpc::ErrorCode::none);
    CHECK(hello.hello.boot == 77 && hello.hello.memory_blocks.count == 2);
    CHECK(bench.call(rpc::StatusParams{}) == rpc::ErrorCode::none);
}

TEST(a_knock_is_answered_in_text) {
    Bench bench;
    constexpr std::string_view kBody = "ugpt?\x01";
    std::array<std::uint8_t, 32> frame;
    const std::span<const std::uint8_t> body(reinterpret_cast<const std::uint8_t*>(kBody.data()),
                                             kBody.size());
    bench.serial.deliver(std::span(frame).first(rpc::encode_frame(body, frame)));
    bench.settle();
    const auto said = bench.serial.collect(test::kPatienceMs);
    CHECK(std::string(said.begin(), said.end()) == "ugpt heard d621ec36\r\n");
    CHECK(bench.call(rpc::StatusParams{}) == rpc::ErrorCode::hello_first);
}

TEST(a_plain_knock_is_answered_in_text) {
    Bench bench;
    const auto answer = [&](std::string_view text) {
        bench.serial.deliver({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
        bench.settle();
        const auto said = bench.serial.collect(0);
        return std::string(said.begin(), said.end());
    };
    CHECK(answer("junkugpt ugpt plain?\nmore") == "ugpt hears text 1ea9a927\r\n");
    // Each letter of an odd number of ones with the bit of even parity.
    const std::string parity = answer("\xf5\xe7\xf0t\xa0\xf0l\xe1i\xee?\r");
    CHECK(parity.starts_with("ugpt hears text ") && !parity.ends_with("1ea9a927\r\n"));
    CHECK(answer("ugpt plain?x\n").empty());
    CHECK(bench.call(rpc::StatusParams{}) == rpc::ErrorCode::hello_first);
}

TEST(hello_tells_what_the_board_has) {
    Bench bench;
    rpc::HelloResult result;
    CHECK(bench.call(rpc::HelloParams{rpc::kProtocolMajor, 0}, result) == rpc::ErrorCode::none);
    const rpc::Hello& hello = result.hello;
    CHECK(hello.minor == rpc::kProtocolMinor);
    CHECK(hello.device_id == 0x020000000077 && hello.flash_bytes == 4 << 20);
    CHECK(hello.regions.count == port::kRegionCount);
    for (const std::uint32_t size_bytes : hello.regions.values()) CHECK(size_bytes == 256 * 1024);
    CHECK(hello.model_bytes == 252 * 1024);
    CHECK(hello.flash_mode == rpc::FlashMode::dio && hello.flash_hz == 40'000'000);
    CHECK(hello.chip_revision == rpc::Optional(std::uint16_t{301}));
    CHECK(hello.image_sha256.size() == 32 && hello.image_sha256[2] == 3);
}

TEST(status_tells_how_the_chip_is_doing) {
    Bench bench;
    bench.handshake();
    const rpc::Status status = bench.status();
    CHECK(status.heap_free_bytes == 11'000 && status.heap_least_free_bytes == 10'900);
    CHECK(status.temperature_c == rpc::Optional(51.5f));
    CHECK(!status.gradient_norm.present && !status.detached);
}

TEST(another_major_version_is_refused) {
    Bench bench;
    CHECK(bench.call(rpc::HelloParams{rpc::kProtocolMajor + 1, 0}) ==
          rpc::ErrorCode::wrong_version);
}

TEST(commands_that_need_a_model_say_so) {
    Bench bench;
    bench.handshake();
    rpc::DocumentsWriteResult documents;
    CHECK(bench.call(rpc::SampleParams{.temperature = 1.0f}) == rpc::ErrorCode::no_model);
    CHECK(bench.call(rpc::TrainParams{1, 0}) == rpc::ErrorCode::no_model);
    CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::no_model);
    CHECK(bench.write_documents(0, 1, documents) == rpc::ErrorCode::no_model);
}

TEST(a_shape_that_does_not_fit_leaves_the_model_as_it_was) {
    Bench bench;
    bench.handshake();
    bench.create();
    rpc::Shape large = kShape;
    large.n_embd = 256;
    CHECK(bench.call(rpc::CreateParams{2, large, kRecipe, 4}) == rpc::ErrorCode::does_not_fit);
    rpc::ModelInfoResult info;
    CHECK(bench.call(rpc::ModelInfoParams{}, info) == rpc::ErrorCode::none);
    CHECK(info.model.run_id == 1 && info.model.shape == kShape);
}

TEST(training_runs_to_its_target_and_no_further) {
    Bench bench;
    bench.handshake();
    bench.create();
    rpc::DocumentsWriteResult documents;
    CHECK(bench.call(rpc::TrainParams{20, 0}) == rpc::ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.state == rpc::DeviceState::waiting; }));
    CHECK(bench.write_documents(0, 30, documents) == rpc::ErrorCode::none);
    CHECK(documents.next == 30);
    CHECK(bench.reach([](const auto& s) { return s.state == rpc::DeviceState::idle; }));
    const rpc::Status status = bench.status();
    CHECK(status.step == 20 && status.saved_step == 20 && status.positions == 80);
    rpc::LossesResult losses;
    CHECK(bench.call(rpc::LossesParams{1, 100}, losses) == rpc::ErrorCode::none);
    CHECK(losses.first == 1 && losses.values.size() == 20 * sizeof(float));
}

TEST(a_profile_counts_while_it_is_on) {
    Bench bench;
    bench.handshake();
    bench.create();
    rpc::ProfileResult before, during, after, again;
    rpc::DocumentsWriteResult documents;
    CHECK(bench.call(rpc::ProfileParams{true}, before) == rpc::ErrorCode::none);
    CHECK(before.profile.steps == 0 && before.profile.adam == 0);
    CHECK(before.profile.tick_hz == 1'000'000'000);
    CHECK(bench.call(rpc::TrainParams{20, 0}) == rpc::ErrorCode::none);
    CHECK(bench.write_documents(0, 20, documents) == rpc::ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.state == rpc::DeviceState::idle; }));
    CHECK(bench.call(rpc::ProfileParams{false}, during) == rpc::ErrorCode::none);
    CHECK(during.profile.steps == 20);
    // The counter advances by ten ticks whenever it is read: once for every phase that is entered.
    for (const std::uint64_t ticks : {during.profile.embedding, during.profile.attention,
                                      during.profile.mlp, during.profile.loss, during.profile.adam})
        CHECK(ticks >= 200 && ticks <= 4000 && ticks % 200 == 0);

    CHECK(bench.call(rpc::TrainParams{25, 0}) == rpc::ErrorCode::none);
    CHECK(bench.write_documents(20, 5, documents) == rpc::ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.step == 25; }));
    CHECK(bench.call(rpc::ProfileParams{false}, after) == rpc::ErrorCode::none);
    CHECK(after.profile == during.profile);
    CHECK(bench.call(rpc::ProfileParams{true}, again) == rpc::ErrorCode::none);
    CHECK(again.profile == before.profile);
}

TEST(the_self_test_passes) {
    Bench bench;
    bench.handshake();
    rpc::SelfTestResult result;
    CHECK(bench.call(rpc::SelfTestParams{}, result) == rpc::ErrorCode::none);
    CHECK(result.digest == result.expected && result.failed.empty());
}

TEST(losses_of_positions_come_on_demand_and_in_bounds) {
    Bench bench;
    bench.handshake();
    bench.create();
    const auto evaluate = [&](std::size_t documents, bool by_token, rpc::EvaluateResult& result) {
        std::array<std::uint8_t, 2048> encoded;
        rpc::Writer writer(encoded);
        const std::array<std::uint8_t, 3> document{0, 1, 2};  // four positions
        for (std::size_t i = 0; i < documents; ++i) writer.bin(document);
        return bench.call(rpc::EvaluateParams{{documents, writer.written()}, by_token}, result);
    };
    rpc::EvaluateResult result;
    CHECK(evaluate(50, false, result) == rpc::ErrorCode::none);
    CHECK(result.losses.size() == 50 * sizeof(float) && result.token_losses.empty());
    CHECK(evaluate(50, true, result) == rpc::ErrorCode::none);
    CHECK(result.losses.size() == 50 * sizeof(float));
    CHECK(result.token_losses.size() == 4 * 50 * sizeof(float));
    // What the buffer of the device holds need not fit a frame of 1,280 bytes.
    CHECK(evaluate(64, true, result) == rpc::ErrorCode::bad_params);
    CHECK(evaluate(65, true, result) == rpc::ErrorCode::bad_params);
    CHECK(evaluate(65, false, result) == rpc::ErrorCode::none);
}

TEST(the_norm_of_the_gradient_is_measured_on_demand) {
    Bench bench;
    bench.handshake();
    bench.create();
    rpc::DocumentsWriteResult documents;
    CHECK(bench.write_documents(0, 30, documents) == rpc::ErrorCode::none);
    CHECK(bench.call(rpc::TrainParams{.target_step = 10}) == rpc::ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.state == rpc::DeviceState::idle; }));
    CHECK(!bench.status().gradient_norm.present);
    CHECK(bench.call(rpc::TrainParams{.target_step = 20, .gradient_norm = true}) ==
          rpc::ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.state == rpc::DeviceState::idle; }));
    const rpc::Optional<float> norm = bench.status().gradient_norm;
    CHECK(norm.present && norm.value > 0.0f);
    CHECK(bench.call(rpc::TrainParams{.target_step = 30}) == rpc::ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.state == rpc::DeviceState::idle; }));
    CHECK(bench.status().gradient_norm == norm);  // of the last step that measured it
    CHECK(bench.call(rpc::SeekParams{0}) == rpc::ErrorCode::none);
    CHECK(!bench.status().gradient_norm.present);
}

TEST(repeated_documents_are_passed_over_and_gaps_refused) {
    Bench bench;
    bench.handshake();
    bench.create();
    rpc::DocumentsWriteResult documents;
    CHECK(bench.write_documents(0, 4, documents) == rpc::ErrorCode::none && documents.next == 4);
    CHECK(bench.write_documents(2, 4, documents) == rpc::ErrorCode::none && documents.next == 6);
    CHECK(bench.write_documents(0, 4, documents) == rpc::ErrorCode::none && documents.next == 6);
    CHECK(bench.write_documents(8, 1, documents) == rpc::ErrorCode::gap);
    CHECK(bench.write_documents(7, 1, documents) == rpc::ErrorCode::gap);
    CHECK(bench.write_documents(6, 1, documents, 4) == rpc::ErrorCode::bad_token);  // BOS
}

TEST(documents_beyond_the_room_are_left_out) {
    Bench bench;
    bench.handshake();
    bench.create();
    rpc::DocumentsWriteResult documents;
    std::uint32_t next = 0;
    do {
        next = documents.next;
        CHECK(bench.write_documents(next, 100, documents) == rpc::ErrorCode::none);
    } while (documents.next != next);
    CHECK(documents.free == 0);
    CHECK(bench.call(rpc::TrainParams{50, 0}) == rpc::ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.step == 50 && s.documents_free > 0; }));
}

TEST(a_pause_stops_at_a_boundary_and_training_goes_on_from_there) {
    Bench bench;
    bench.handshake();
    bench.create();
    rpc::DocumentsWriteResult documents;
    CHECK(bench.write_documents(0, 100, documents) == rpc::ErrorCode::none);
    CHECK(bench.call(rpc::TrainParams{60, 0}) == rpc::ErrorCode::none);
    rpc::PauseResult pause;
    CHECK(bench.call(rpc::PauseParams{}, pause) == rpc::ErrorCode::none);
    CHECK(bench.status().step == pause.step && pause.step <= 60);
    CHECK(bench.call(rpc::TrainParams{60, 0}) == rpc::ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.step == 60; }));
}

TEST(the_time_of_a_step_is_that_of_all_its_documents) {
    Bench bench;
    std::uint64_t document_ms = 2;
    bench.platform.on_spend = [&] { bench.clock.advance_ms(document_ms); };
    bench.handshake();
    rpc::Recipe recipe = kRecipe;
    recipe.batch = 3;
    CHECK(bench.call(rpc::CreateParams{1, kShape, recipe, 4}) == rpc::ErrorCode::none);
    CHECK(bench.call(rpc::InitWeightsParams{3, 0.08f}) == rpc::ErrorCode::none);
    CHECK(bench.call(rpc::TrainParams{9, 0}) == rpc::ErrorCode::none);
    const auto step_us_after = [&](std::uint32_t first, std::size_t count) {
        rpc::DocumentsWriteResult documents;
        bench.pass_time(50);  // waiting for documents is no part of it
        CHECK(bench.write_documents(first, count, documents) == rpc::ErrorCode::none);
        bench.settle();
        return bench.status().step_us;
    };
    CHECK(step_us_after(0, 2) == 0);
    CHECK(step_us_after(2, 1) == 6000);
    document_ms = 3;
    CHECK(step_us_after(3, 2) == 6000);  // still the last step
    CHECK(step_us_after(5, 1) == 9000);
}

TEST(a_seek_in_the_middle_of_a_batch_begins_the_batch_again) {
    const auto digest_after = [](bool sought) {
        Bench bench;
        bench.handshake();
        rpc::Recipe recipe = kRecipe;
        recipe.batch = 3;
        CHECK(bench.call(rpc::CreateParams{1, kShape, recipe, 4}) == rpc::ErrorCode::none);
        CHECK(bench.call(rpc::InitWeightsParams{3, 0.08f}) == rpc::ErrorCode::none);
        rpc::DocumentsWriteResult documents;
        if (sought) {
            CHECK(bench.write_documents(0, 2, documents) == rpc::ErrorCode::none);
            CHECK(bench.call(rpc::TrainParams{1, 0}) == rpc::ErrorCode::none);
            CHECK(bench.reach([](const auto& s) { return s.positions == 8; }));
            CHECK(bench.call(rpc::PauseParams{}) == rpc::ErrorCode::none);
            CHECK(bench.call(rpc::SeekParams{0}) == rpc::ErrorCode::none);
        }
        for (const std::uint8_t i : {0, 1, 2})
            CHECK(bench.write_documents(i, 1, documents, i) == rpc::ErrorCode::none);
        CHECK(bench.call(rpc::TrainParams{1, 0}) == rpc::ErrorCode::none);
        CHECK(bench.reach([](const auto& s) { return s.step == 1; }));
        return bench.weights_digest();
    };
    CHECK(digest_after(true) == digest_after(false));
}

TEST(a_stop_saves_a_run_that_waits_for_documents) {
    Bench bench;
    bench.handshake();
    bench.create();
    rpc::DocumentsWriteResult documents;
    CHECK(bench.write_documents(0, 3, documents) == rpc::ErrorCode::none);
    CHECK(bench.call(rpc::TrainParams{50, 0}) == rpc::ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.step == 3; }));
    CHECK(bench.call(rpc::StopParams{}) == rpc::ErrorCode::none);
    CHECK(bench.status().saved_step == 3);
}

TEST(a_new_run_has_no_saved_step) {
    Bench bench;
    bench.handshake();
    bench.create(1);
    bench.train_to(3);
    CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::none);
    bench.create(2);
    CHECK(bench.status().saved_step == 0);
}

TEST(a_run_is_not_made_again_wherever_its_documents_came_from) {
    for (const rpc::Source source : {rpc::Source::host, rpc::Source::flash}) {
        Bench bench;
        bench.handshake();
        bench.create();
        rpc::DocumentsWriteResult documents;
        CHECK(bench.write_documents(0, 10, documents) == rpc::ErrorCode::none);
        const std::array<std::uint8_t, 3> content{1, 0, 1};
        bench.push_data(content, 1);
        CHECK(bench.call(rpc::TrainParams{10, 0, source}) == rpc::ErrorCode::none);
        CHECK(bench.reach([](const auto& s) { return s.state == rpc::DeviceState::idle; }));
        const auto digest = bench.weights_digest();
        CHECK(bench.call(rpc::CreateParams{1, kShape, kRecipe, 4}) == rpc::ErrorCode::none);
        CHECK(bench.status().step == 10 && bench.weights_digest() == digest);
    }
}

TEST(a_new_start_takes_up_the_checkpoint) {
    const auto flash = std::make_shared<test::MemoryFlash>(256 * 1024);
    std::vector<std::uint8_t> before;
    {
        Bench bench(flash);
        bench.handshake();
        bench.create(5);
        rpc::DocumentsWriteResult documents;
        CHECK(bench.write_documents(0, 10, documents) == rpc::ErrorCode::none);
        CHECK(bench.call(rpc::TrainParams{10, 0}) == rpc::ErrorCode::none);
        CHECK(bench.reach([](const auto& s) { return s.state == rpc::DeviceState::idle; }));
        rpc::TensorReadResult tensor;
        CHECK(bench.call(rpc::TensorReadParams{"wte", rpc::TensorKind::weights, 0, 40}, tensor) ==
              rpc::ErrorCode::none);
        before.assign(tensor.data.begin(), tensor.data.end());
    }
    Bench bench(flash);
    bench.handshake();
    const rpc::Status status = bench.status();
    CHECK(status.run_id == 5 && status.step == 10 && status.saved_step == 10);
    CHECK(status.documents_next == 10);
    rpc::TensorReadResult tensor;
    CHECK(bench.call(rpc::TensorReadParams{"wte", rpc::TensorKind::weights, 0, 40}, tensor) ==
          rpc::ErrorCode::none);
    CHECK(before.size() == 160 &&
          std::equal(before.begin(), before.end(), tensor.data.begin(), tensor.data.end()));
}

TEST(a_sample_is_the_same_again) {
    Bench bench;
    bench.handshake();
    bench.create();
    rpc::SampleParams params{.seed = 4, .number = 2, .temperature = 0.8f};
    rpc::SampleResult result;
    CHECK(bench.call(params, result) == rpc::ErrorCode::none);
    const std::vector<std::uint8_t> first(result.tokens.begin(), result.tokens.end());
    CHECK(bench.call(rpc::SampleParams{.seed = 4, .number = 3, .temperature = 0.8f}, result) ==
          rpc::ErrorCode::none);
    CHECK(bench.call(params, result) == rpc::ErrorCode::none);
    CHECK(std::equal(first.begin(), first.end(), result.tokens.begin(), result.tokens.end()));
    const std::array<std::uint8_t, 1> bos{4};
    params.prompt = bos;
    CHECK(bench.call(params, result) == rpc::ErrorCode::bad_token);
}

TEST(requests_beyond_the_window_are_answered_when_repeated) {
    const auto flash = std::make_shared<MemoryFlash>(256 * 1024);
    Bench bench(flash);
    bench.handshake();
    bench.create();
    constexpr std::uint32_t kCount = 12;
    constexpr std::uint32_t kKept = 4;  // of six calls the save has one, and one is to receive into
    for (std::uint32_t next = 0; next < kCount; next += kKept) {
        {
            const HeldTrainer held(bench, *flash);
            // All that have no answer yet, at once and with the same ids as before.
            for (std::uint32_t i = next; i < kCount; ++i)
                bench.send_request(1000 + i, rpc::SampleParams{.number = i, .temperature = 1.0f});
        }
        std::vector<std::uint32_t> expected{HeldTrainer::kSaveId};
        for (std::uint32_t i = next; i < next + kKept; ++i) expected.push_back(1000 + i);
        CHECK(bench.responses() == expected);
    }
}

TEST(a_request_that_waits_is_not_queued_again) {
    const auto flash = std::make_shared<MemoryFlash>(256 * 1024);
    Bench bench(flash);
    bench.handshake();
    bench.create();
    const rpc::SampleParams params{.number = 1, .temperature = 1.0f};
    {
        const HeldTrainer held(bench, *flash);
        for (int repeat = 0; repeat < 3; ++repeat) bench.send_request(5000, params);
    }
    CHECK((bench.responses() == std::vector<std::uint32_t>{HeldTrainer::kSaveId, 5000}));
    // Repeated after its answer was lost, it is answered again.
    bench.send_request(5000, params);
    CHECK((bench.responses() == std::vector<std::uint32_t>{5000}));
}

TEST(bad_parameters_are_named) {
    Bench bench;
    bench.handshake();
    rpc::Shape bad = kShape;
    bad.n_embd = 9;  // not a multiple of n_head
    CHECK(bench.call(rpc::PlanParams{bad, kRecipe, 0}) == rpc::ErrorCode::bad_shape);
    bad.n_embd = 0;
    CHECK(bench.call(rpc::PlanParams{bad, kRecipe, 0}) == rpc::ErrorCode::bad_params);
    CHECK(bench.call(rpc::CreateParams{0, kShape, kRecipe, 0}) == rpc::ErrorCode::bad_params);
}

TEST(a_restart_is_asked_of_the_platform_after_the_reply) {
    Bench bench;
    bench.handshake();
    bench.settle();
    const std::size_t sent = bench.serial.sent_bytes();
    std::size_t sent_before = 0;
    int flushed_before = 0;
    bench.platform.on_restart = [&] {
        sent_before = bench.serial.sent_bytes();
        flushed_before = bench.serial.flushes;
    };
    CHECK(bench.call(rpc::ResetParams{}) == rpc::ErrorCode::none);
    bench.settle();
    CHECK(bench.platform.restarts == 1);
    CHECK(sent_before > sent);  // the reply had been written by then,
    CHECK(sent_before == bench.serial.sent_bytes());
    CHECK(flushed_before == 1);  // and had left
}

TEST(a_rate_that_the_port_refuses_changes_nothing) {
    Bench bench;
    bench.handshake();
    bench.serial.takes_bauds = false;
    CHECK(bench.call(rpc::SetBaudParams{460800}) == rpc::ErrorCode::none);
    CHECK(bench.call(rpc::PingParams{}) == rpc::ErrorCode::none);
    bench.serial.takes_bauds = true;
    // Still at the first rate: there is nothing to return from, whatever arrives.
    bench.serial.deliver(kGarbage);
    bench.pass_time(rpc::kBaudTrialMs + 1);
    bench.serial.deliver(kGarbage);
    bench.pass_time(rpc::kBaudTrialMs + 1);
    CHECK(bench.serial.bauds().empty());
}

TEST(a_rate_that_stays_silent_is_given_up) {
    Bench bench;
    bench.handshake();
    CHECK(bench.call(rpc::SetBaudParams{460800}) == rpc::ErrorCode::none);
    bench.pass_time(rpc::kBaudTrialMs);
    CHECK((bench.serial.bauds() == std::vector<std::uint32_t>{460800}));
    bench.pass_time(1);
    bench.pass_time(kLookMs);
    CHECK((bench.serial.bauds() == std::vector<std::uint32_t>{460800, rpc::kFirstBaud}));
}

TEST(a_rate_that_is_used_stays) {
    Bench bench;
    bench.handshake();
    CHECK(bench.call(rpc::SetBaudParams{460800}) == rpc::ErrorCode::none);
    CHECK(bench.call(rpc::PingParams{}) == rpc::ErrorCode::none);
    for (int hour = 0; hour < 3; ++hour) bench.pass_time(3'600'000);
    CHECK(bench.serial.bauds().size() == 1);
    // Bytes that make no frame: somebody speaks at another rate.
    bench.serial.deliver(kGarbage);
    bench.pass_time(rpc::kBaudTrialMs);
    CHECK(bench.serial.bauds().size() == 1);
    bench.pass_time(1);
    bench.pass_time(kLookMs);
    CHECK(bench.serial.bauds().back() == rpc::kFirstBaud);
}

TEST(the_platform_hears_what_documents_and_texts_take_a_chip) {
    Bench bench;
    bench.handshake();
    bench.create();
    const engine::Shape shape{1, 8, 2, 8, 5};
    constexpr std::size_t kPositions = 4;  // of the document {0, 1, 2}
    const std::uint32_t cores = bench.platform.chip().cores;
    std::uint64_t expected = 0;
    const auto is_as_expected = [&] { return bench.platform.spent_cycles == expected; };

    rpc::DocumentsWriteResult documents;
    CHECK(bench.write_documents(0, 10, documents) == rpc::ErrorCode::none);
    CHECK(bench.call(rpc::TrainParams{.target_step = 10}) == rpc::ErrorCode::none);
    CHECK(bench.reach([](const auto& s) { return s.step == 10; }));
    expected += 10 * engine::step_cycles(shape, {}, kPositions, true, cores);
    CHECK(is_as_expected());

    std::array<std::uint8_t, 64> encoded;
    rpc::Writer writer(encoded);
    const std::array<std::uint8_t, 3> document{0, 1, 2};
    for (int i = 0; i < 2; ++i) writer.bin(document);
    CHECK(bench.call(rpc::EvaluateParams{{2, writer.written()}, false}) == rpc::ErrorCode::none);
    expected += 2 * engine::evaluation_cycles(shape, kPositions, cores);
    CHECK(is_as_expected());

    const std::array<std::uint8_t, 2> prompt{0, 1};
    rpc::SampleResult sample;
    CHECK(bench.call(rpc::SampleParams{.seed = 4, .temperature = 0.8f, .prompt = prompt}, sample) ==
          rpc::ErrorCode::none);
    const std::size_t tokens = prompt.size() + sample.tokens.size() + (sample.ended ? 1 : 0);
    expected += engine::sample_cycles(shape, {}, tokens);
    CHECK(is_as_expected());
}
