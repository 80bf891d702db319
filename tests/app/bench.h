// A device in memory and the other end of its line, for tests of the whole firmware.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "app/device.h"
#include "app/fakes.h"
#include "check.h"
#include "rpc/frame.h"

namespace ugpt::test {

inline constexpr rpc::Shape kShape{1, 8, 2, 8, 5};
inline constexpr rpc::Recipe kRecipe{0.01f, 0.85f, 0.99f, 1e-8f, 100};
inline constexpr std::uint32_t kPatienceMs = 5000;

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

    // The id of the next response; nothing if none comes in time.
    std::optional<std::uint32_t> next_response(std::uint32_t timeout_ms) {
        while (next_body(timeout_ms)) {
            rpc::Reader reader(body_);
            if (reader.array() == 4 && reader.uint() == 1)
                return static_cast<std::uint32_t>(reader.uint());
        }
        return {};
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
