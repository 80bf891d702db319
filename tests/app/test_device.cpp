// The whole firmware in memory: requests in, responses out, both tasks running.

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "app/device.h"
#include "app/fakes.h"
#include "check.h"
#include "rpc/frame.h"

using namespace ugpt;

namespace {

constexpr rpc::Shape kShape{1, 8, 2, 8, 5};
constexpr rpc::Recipe kRecipe{0.01f, 0.85f, 0.99f, 1e-8f, 100};
constexpr std::uint32_t kPatienceMs = 5000;

// A device and the other end of its line.
class Bench {
  public:
    explicit Bench(std::shared_ptr<test::MemoryFlash> flash = nullptr)
        : flash_(flash ? flash : std::make_shared<test::MemoryFlash>(64 * 1024)),
          memory_(app::Device::link_memory_bytes(limits_)),
          device_(app::Ports{platform, serial, *flash_, signal_, log_}, limits_, memory_,
                  *ring_memory_),
          link_([this] { device_.run_link(); }),
          trainer_([this] { device_.run_trainer(); }) {}

    ~Bench() {
        device_.stop();
        link_.join();
        trainer_.join();
    }

    // Sends a request and waits for its response; returns the error code.
    template <typename Params>
    rpc::ErrorCode call(const Params& params, typename Params::Result& result) {
        send_request(++id_, params);
        return receive(id_, result);
    }
    template <typename Params>
    rpc::ErrorCode call(const Params& params) {
        typename Params::Result result;
        return call(params, result);
    }

    template <typename Params>
    void send_request(std::uint32_t id, const Params& params) {
        std::array<std::uint8_t, 4096> body;
        rpc::Writer writer(body);
        writer.array(4);
        writer.uint(0);
        writer.uint(id);
        writer.str(rpc::info(Params::kMethod).name);
        encode(writer, params);
        std::array<std::uint8_t, 4200> frame;
        serial.deliver(std::span(frame).first(rpc::encode_frame(writer.written(), frame)));
    }

    // Waits for the response `id`; others and notifications are passed over.
    template <typename Result>
    rpc::ErrorCode receive(std::uint32_t id, Result& result) {
        for (;;) {
            if (!next_body()) return rpc::ErrorCode::bad_message;
            rpc::Reader reader(body_);
            if (reader.array() != 4 || reader.uint() != 1 || reader.uint() != id) continue;
            if (!reader.take_nil()) {
                reader.array();
                return static_cast<rpc::ErrorCode>(reader.uint());
            }
            rpc::FieldError error;
            return decode(reader, result, error) ? rpc::ErrorCode::none
                                                 : rpc::ErrorCode::bad_message;
        }
    }

    bool next_body() {
        for (;;) {
            while (used_ < received_.size()) {
                std::span<const std::uint8_t> body;
                used_ += decoder_.feed(std::span(received_).subspan(used_), body);
                if (body.empty()) continue;
                body_.assign(body.begin(), body.end());
                return true;
            }
            used_ = 0;
            received_ = serial.collect(kPatienceMs);
            if (received_.empty()) return false;
        }
    }

    void greet() {
        rpc::HelloResult result;
        CHECK(call(rpc::HelloParams{rpc::kProtocolMajor, 0}, result) == rpc::ErrorCode::none);
    }
    void create(std::uint32_t run_id = 1) {
        CHECK(call(rpc::CreateParams{run_id, kShape, kRecipe, 4}) == rpc::ErrorCode::none);
        CHECK(call(rpc::InitWeightsParams{3, 0.08f}) == rpc::ErrorCode::none);
    }
    rpc::Status status() {
        rpc::StatusResult result;
        CHECK(call(rpc::StatusParams{}, result) == rpc::ErrorCode::none);
        return result.status;
    }
    rpc::ErrorCode write_documents(std::uint32_t first, std::size_t count,
                                   rpc::DocumentsWriteResult& result, std::uint8_t token = 1) {
        std::array<std::uint8_t, 2048> encoded;
        rpc::Writer writer(encoded);
        const std::array<std::uint8_t, 3> document{0, token, 2};
        for (std::size_t i = 0; i < count; ++i) writer.bin(document);
        return call(rpc::DocumentsWriteParams{first, {count, writer.written()}}, result);
    }
    bool reach(const std::function<bool(const rpc::Status&)>& wanted) {
        for (int tries = 0; tries < 1000; ++tries) {
            if (wanted(status())) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        return false;
    }

    test::FakePlatform platform{{64 * 1024, 32 * 1024}};
    test::QueueSerial serial;

  private:
    app::LinkLimits limits_{1280, 4};
    std::shared_ptr<test::MemoryFlash> flash_;
    test::FakeSignal signal_;
    test::FakeLog log_;
    std::vector<std::uint8_t> memory_;
    std::unique_ptr<app::RingMemory> ring_memory_ = std::make_unique<app::RingMemory>();
    app::Device device_;
    std::thread link_;
    std::thread trainer_;
    std::uint32_t id_ = 100;
    std::vector<std::uint8_t> received_;
    std::size_t used_ = 0;
    std::vector<std::uint8_t> body_;
    std::array<std::uint8_t, rpc::decoder_capacity(4096)> buffer_{};
    rpc::FrameDecoder decoder_{buffer_};
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

TEST(another_major_version_is_refused) {
    Bench bench;
    CHECK(bench.call(rpc::HelloParams{rpc::kProtocolMajor + 1, 0}) ==
          rpc::ErrorCode::wrong_version);
}

TEST(commands_that_need_a_model_say_so) {
    Bench bench;
    bench.greet();
    rpc::DocumentsWriteResult documents;
    CHECK(bench.call(rpc::SampleParams{.temperature = 1.0f}) == rpc::ErrorCode::no_model);
    CHECK(bench.call(rpc::TrainParams{1, 0}) == rpc::ErrorCode::no_model);
    CHECK(bench.call(rpc::SaveParams{}) == rpc::ErrorCode::no_model);
    CHECK(bench.write_documents(0, 1, documents) == rpc::ErrorCode::no_model);
}

TEST(a_shape_that_does_not_fit_leaves_the_model_as_it_was) {
    Bench bench;
    bench.greet();
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
    bench.greet();
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

TEST(repeated_documents_are_passed_over_and_gaps_refused) {
    Bench bench;
    bench.greet();
    bench.create();
    rpc::DocumentsWriteResult documents;
    CHECK(bench.write_documents(0, 4, documents) == rpc::ErrorCode::none && documents.next == 4);
    CHECK(bench.write_documents(2, 4, documents) == rpc::ErrorCode::none && documents.next == 6);
    CHECK(bench.write_documents(0, 4, documents) == rpc::ErrorCode::none && documents.next == 6);
    CHECK(bench.write_documents(8, 1, documents) == rpc::ErrorCode::gap);
    CHECK(bench.write_documents(6, 1, documents, 4) == rpc::ErrorCode::bad_token);  // BOS
}

TEST(documents_beyond_the_room_are_left_out) {
    Bench bench;
    bench.greet();
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
    bench.greet();
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

TEST(a_new_start_takes_up_the_checkpoint) {
    const auto flash = std::make_shared<test::MemoryFlash>(64 * 1024);
    std::vector<std::uint8_t> before;
    {
        Bench bench(flash);
        bench.greet();
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
    bench.greet();
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
    bench.greet();
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

TEST(requests_beyond_the_window_are_refused_or_answered_but_never_lost) {
    Bench bench;
    bench.greet();
    bench.create();
    constexpr std::uint32_t kCount = 12;
    for (std::uint32_t i = 0; i < kCount; ++i)
        bench.send_request(1000 + i, rpc::SampleParams{.number = i, .temperature = 1.0f});
    std::size_t answered = 0;
    while (answered < kCount && bench.next_body()) ++answered;
    CHECK(answered == kCount);
}

TEST(bad_parameters_are_named) {
    Bench bench;
    bench.greet();
    rpc::Shape bad = kShape;
    bad.n_embd = 9;  // not a multiple of n_head
    CHECK(bench.call(rpc::PlanParams{bad, kRecipe, 0}) == rpc::ErrorCode::bad_shape);
    bad.n_embd = 0;
    CHECK(bench.call(rpc::PlanParams{bad, kRecipe, 0}) == rpc::ErrorCode::bad_params);
    CHECK(bench.call(rpc::CreateParams{0, kShape, kRecipe, 0}) == rpc::ErrorCode::bad_params);
}

TEST(a_restart_is_asked_of_the_platform_after_the_reply) {
    Bench bench;
    bench.greet();
    CHECK(bench.call(rpc::ResetParams{}) == rpc::ErrorCode::none);
    for (int tries = 0; tries < 500 && bench.platform.restarts == 0; ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    CHECK(bench.platform.restarts == 1);
}

TEST(a_rate_that_stays_silent_is_given_up) {
    Bench bench;
    bench.greet();
    CHECK(bench.call(rpc::SetBaudParams{460800}) == rpc::ErrorCode::none);
    for (int tries = 0; tries < 1000 && bench.serial.bauds().size() < 2; ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK((bench.serial.bauds() == std::vector<std::uint32_t>{460800, rpc::kFirstBaud}));
}

TEST(a_rate_that_is_used_stays) {
    Bench bench;
    bench.greet();
    CHECK(bench.call(rpc::SetBaudParams{460800}) == rpc::ErrorCode::none);
    CHECK(bench.call(rpc::PingParams{}) == rpc::ErrorCode::none);
    std::this_thread::sleep_for(std::chrono::milliseconds(rpc::kBaudTrialMs + 300));
    CHECK(bench.serial.bauds().size() == 1);
    // Bytes that make no frame: somebody speaks at another rate.
    const std::array<std::uint8_t, 3> garbage{0x55, 0xAA, 0x13};
    bench.serial.deliver(garbage);
    for (int tries = 0; tries < 1000 && bench.serial.bauds().size() < 2; ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(bench.serial.bauds().back() == rpc::kFirstBaud);
}
