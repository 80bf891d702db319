// The link of a virtual device: standard streams, a pseudo-terminal or a TCP port.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "port/port.h"
#include "port/posix/pace.h"

namespace ugpt::port::posix {

// A byte stream over file descriptors. What the peer does not take within a second is dropped, as
// a wire would.
class StreamSerial : public Serial {
  public:
    ~StreamSerial() override;
    StreamSerial(const StreamSerial&) = delete;
    StreamSerial& operator=(const StreamSerial&) = delete;

    static std::unique_ptr<StreamSerial> standard_streams();
    // Each returns nullptr and fills `error` if it cannot be opened.
    static std::unique_ptr<StreamSerial> pseudo_terminal(std::string& error);
    // `address` is HOST:PORT; port 0 lets the system choose. One host at a time has the device, and
    // others are told which; one that is silent for longer than `patience` loses it to the next.
    static std::unique_ptr<StreamSerial> tcp_listener(const std::string& address,
                                                      std::string& error,
                                                      Duration patience = kPatience);

    std::size_t read(std::span<std::uint8_t> out) override;
    void write(std::span<const std::uint8_t> bytes) override;
    void wait(std::uint32_t timeout_ms) override;
    void wake() override;
    void flush() override {}  // the system has taken what `write` was given
    bool set_baud(std::uint32_t baud) override;

    // From now on bytes take the time of a UART at the rate that is set, both ways.
    void keep_pace(std::uint32_t baud);

    // What to hand to `--port`: the path of the pseudo-terminal or socket://HOST:PORT.
    [[nodiscard]] const std::string& address() const { return address_; }
    // Whether the peer of the standard streams has closed them.
    [[nodiscard]] bool ended() const { return ended_; }

  private:
    static constexpr Duration kPatience = std::chrono::seconds(30);

    StreamSerial();
    // A UART that the bytes come through.
    struct Pace {
        explicit Pace(std::uint32_t rate) : baud(rate), incoming(rate) {}
        std::uint32_t baud;
        LinePace incoming;
        WorkPace outgoing;
    };

    void accept_peer();
    void drop_peer();
    [[nodiscard]] bool peer_is_gone() const;
    void refuse(int peer);
    void send(std::span<const std::uint8_t> bytes);
    void await_first_byte(bool was_idle);

    int in_ = -1;
    int out_ = -1;
    int listener_ = -1;
    int refused_ = -1;  // kept open until it has read why
    std::string peer_;  // who is connected to the listener
    Time heard_{};      // when it last said something
    Duration patience_{kPatience};
    int slave_ = -1;  // kept open, so that a host may come and go
    int wake_read_ = -1;
    int wake_write_ = -1;
    bool ended_ = false;
    std::optional<Pace> pace_;
    std::string address_;
};

}  // namespace ugpt::port::posix
