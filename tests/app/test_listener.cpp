// One host at a time has a virtual device on a socket; others hear which.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "check.h"
#include "port/posix/serial.h"

using namespace std::chrono_literals;
using namespace ugpt::port::posix;

namespace {

constexpr int kPatienceMs = 20'000;  // only a test that fails waits for this

class Host {
  public:
    explicit Host(const StreamSerial& device) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
        const std::string& address = device.address();
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port =
            htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
        CHECK(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    }
    ~Host() { close(fd_); }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    void say(std::string_view text) {
        CHECK(write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    // All that comes until the other end closes.
    std::string heard_to_the_end() {
        std::string heard;
        std::array<char, 256> bytes{};
        pollfd ready{fd_, POLLIN, 0};
        while (CHECK(poll(&ready, 1, kPatienceMs) > 0)) {
            const ssize_t count = read(fd_, bytes.data(), bytes.size());
            if (count <= 0) break;
            heard.append(bytes.data(), static_cast<std::size_t>(count));
        }
        return heard;
    }
    [[nodiscard]] int descriptor() const { return fd_; }
    [[nodiscard]] std::string name() const {
        sockaddr_in own{};
        socklen_t size = sizeof own;
        getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &size);
        return "127.0.0.1:" + std::to_string(ntohs(own.sin_port));
    }

  private:
    int fd_;
};

std::unique_ptr<StreamSerial> listen(Duration patience) {
    std::string error;
    auto device = StreamSerial::tcp_listener("127.0.0.1:0", error, patience);
    CHECK(device != nullptr);
    return device;
}

// What the device hears next, and nothing if nobody says anything that it listens to.
std::string hear(StreamSerial& device) {
    std::array<std::uint8_t, 64> bytes{};
    for (int looks = 0; looks < 5; ++looks) {
        device.wait(kPatienceMs);
        if (const std::size_t count = device.read(bytes); count > 0)
            return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count)};
    }
    return {};
}

// Whether a host gets all of what is more than the system takes at once.
bool comes_whole(StreamSerial& device, int host, std::size_t size) {
    std::vector<std::uint8_t> sent(size);
    for (std::size_t i = 0; i < size; ++i) sent[i] = static_cast<std::uint8_t>(i * 31 >> 3);
    std::thread writer([&] { device.write(sent); });
    std::vector<std::uint8_t> received(size);
    std::size_t count = 0;
    pollfd ready{host, POLLIN, 0};
    while (count < size && poll(&ready, 1, 5000) > 0) {
        const ssize_t some = read(host, received.data() + count, size - count);
        if (some <= 0) break;
        count += static_cast<std::size_t>(some);
    }
    writer.join();
    return count == size && received == sent;
}

}  // namespace

TEST(a_second_host_hears_who_has_the_device) {
    const auto device = listen(1h);
    Host first(*device);
    first.say("hello");
    CHECK(hear(*device) == "hello");
    for (int i = 0; i < 3; ++i) {
        Host second(*device);
        second.say("never read");
        device->wait(kPatienceMs);
        CHECK(second.heard_to_the_end() == "ugpt-device: in use by " + first.name() + "\n");
    }
    first.say("again");
    CHECK(hear(*device) == "again");
}

TEST(a_host_that_has_fallen_silent_is_dropped_for_another) {
    const auto device = listen(0s);
    Host first(*device);
    first.say("hello");
    CHECK(hear(*device) == "hello");
    Host second(*device);
    second.say("next");
    CHECK(hear(*device) == "next");
    CHECK(first.heard_to_the_end().empty());
}

TEST(bytes_on_their_way_are_no_silence) {
    const auto device = listen(0s);
    Host first(*device);
    first.say("hello");
    CHECK(hear(*device) == "hello");
    first.say("still here");
    Host second(*device);
    device->wait(kPatienceMs);
    CHECK(second.heard_to_the_end() == "ugpt-device: in use by " + first.name() + "\n");
    CHECK(hear(*device) == "still here");
}

TEST(a_host_that_has_closed_is_dropped_for_another) {
    const auto device = listen(1h);
    {
        Host first(*device);
        first.say("hello");
        CHECK(hear(*device) == "hello");
        first.say("the last words");
    }
    Host second(*device);
    second.say("next");
    std::string heard = hear(*device);
    if (heard == "the last words") heard = hear(*device);
    CHECK(heard == "next");
}

TEST(what_the_system_takes_in_parts_arrives_whole) {
    const auto device = listen(1h);
    Host host(*device);
    device->wait(kPatienceMs);
    CHECK(comes_whole(*device, host.descriptor(), 16 << 20));
    std::string error;
    const auto terminal = StreamSerial::pseudo_terminal(error);
    if (!CHECK(terminal != nullptr)) return;
    const int fd = open(terminal->address().c_str(), O_RDWR | O_NOCTTY);
    CHECK(comes_whole(*terminal, fd, 1 << 20));
    close(fd);
}
