// A device in memory and the other end of its line, for tests of the whole firmware.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "app/device.h"
#include "app/fakes.h"
#include "base/crc32.h"
#include "check.h"
#include "rpc/encode_frame.h"

namespace ugpt::test {

inline constexpr rpc::Shape kShape{1, 8, 2, 8, 5};
inline constexpr rpc::Recipe kRecipe{0.01f, 0.85f, 0.99f, 1e-8f, 100};
// How long a device may take for what it is to do at once. Only a test that fails waits for this.
inline constexpr std::uint32_t kPatienceMs = 20'000;
inline constexpr std::chrono::seconds kReachPatience{60};

// A device and the other end of its line.
class Bench {
  public:
    explicit Bench(std::shared_ptr<test::MemoryFlash> flash = nullptr)
        : flash_(flash ? flash : std::make_shared<test::MemoryFlash>(256 * 1024)),
          calls_(app::DeviceMemory::call_bytes(limits_)),
          scratch_(app::DeviceMemory::scratch_bytes(limits_)),
          device_(app::Ports{platform, serial, *flash_, signal_, log_}, limits_,
                  {calls_, scratch_, *rings_}),
          link_([this] { device_.run_link(); }),
          trainer_([this] { device_.run_trainer(); }) {}

    ~Bench() { stop(); }

    // Ends the device as a power cut does.
    void stop() {
        if (!link_.joinable()) return;
        device_.stop();
        link_.join();
        trainer_.join();
    }
    // Ends it as a process that is asked to end.
    void end_in_order() {
        stop();
        device_.keep_run();
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
        writer.str(rpc::method_name(Params::kMethod));
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

    // The ids of the responses that the device has for what it was asked, in their order.
    std::vector<std::uint32_t> responses() {
        settle();
        std::vector<std::uint32_t> ids;
        while (next_body(0)) {
            rpc::Reader reader(body_);
            if (reader.array() == 4 && reader.uint() == 1)
                ids.push_back(static_cast<std::uint32_t>(reader.uint()));
        }
        return ids;
    }

    bool next_body(std::uint32_t timeout_ms = kPatienceMs) {
        for (;;) {
            while (used_ < received_.size()) {
                std::span<const std::uint8_t> body;
                used_ += decoder_.feed(std::span(received_).subspan(used_), body);
                if (body.empty()) continue;
                body_.assign(body.begin(), body.end());
                return true;
            }
            used_ = 0;
            received_ = serial.collect(timeout_ms);
            if (received_.empty()) return false;
        }
    }

    void handshake() {
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
    // Trains on the documents that `write_documents` makes.
    void train_to(std::uint32_t step) {
        rpc::DocumentsWriteResult taken;
        const std::uint32_t from = status().step;
        CHECK(write_documents(from, step - from, taken) == rpc::ErrorCode::none);
        CHECK(call(rpc::TrainParams{step, 0, rpc::Source::host}) == rpc::ErrorCode::none);
        CHECK(reach([&](const rpc::Status& status) {
            return status.step == step && status.state == rpc::DeviceState::idle;
        }));
    }
    // Puts a data set of tokens of one byte into the flash, in several pieces if it is long.
    void push_data(std::span<const std::uint8_t> content, std::uint32_t documents) {
        const rpc::DataSet set{documents, static_cast<std::uint32_t>(content.size()), 1,
                               base::crc32(content)};
        CHECK(call(rpc::DataBeginParams{set}) == rpc::ErrorCode::none);
        for (std::uint32_t at = 0; at < content.size(); at += 100) {
            const auto size = std::min<std::size_t>(100, content.size() - at);
            CHECK(call(rpc::DataWriteParams{at, content.subspan(at, size)}) ==
                  rpc::ErrorCode::none);
        }
        CHECK(call(rpc::DataCommitParams{}) == rpc::ErrorCode::none);
    }
    std::array<std::uint8_t, 32> weights_digest() {
        rpc::WeightsDigestResult result;
        CHECK(call(rpc::WeightsDigestParams{}, result) == rpc::ErrorCode::none);
        std::array<std::uint8_t, 32> digest{};
        std::ranges::copy(result.sha256, digest.begin());
        return digest;
    }
    // Asks for the status again and again, until it is as wanted or nothing more can happen.
    bool reach(const std::function<bool(const rpc::Status&)>& wanted) {
        const auto deadline = std::chrono::steady_clock::now() + kReachPatience;
        while (std::chrono::steady_clock::now() < deadline) {
            // Looked at before the status: what happens in between shows in it.
            const bool at_rest = clock.at_rest();
            if (wanted(status())) return true;
            if (at_rest) return false;
        }
        return false;
    }

    // Waits until the device has nothing to do, but for tasks that the test holds up.
    void settle(std::size_t held_tasks = 0) { CHECK(clock.settle(kPatienceMs, held_tasks)); }
    // Lets time pass for a device that has nothing to do, and waits for what comes of it.
    void pass_time(std::uint64_t duration_ms) {
        settle();
        clock.advance_ms(duration_ms);
        settle();
    }

    test::ManualClock clock;
    test::FakePlatform platform{clock, {64 * 1024, 32 * 1024}};
    test::QueueSerial serial{clock};

  private:
    app::LinkLimits limits_{1280, 4};
    std::shared_ptr<test::MemoryFlash> flash_;
    test::FakeSignal signal_{clock};
    test::FakeLog log_;
    std::vector<std::uint8_t> calls_;
    std::vector<std::uint8_t> scratch_;
    std::unique_ptr<app::QueueMemory> rings_ = std::make_unique<app::QueueMemory>();
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

}  // namespace ugpt::test
