#include "port/posix/serial.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>

namespace ugpt::port::posix {
namespace {

constexpr int kWriteTimeoutMs = 1000;
// At a UART's pace: how much is sent at a time, and how long to wait for bytes on their way.
constexpr std::size_t kPieceBytes = 64;
constexpr int kArrivalMs = 1;
#ifdef POLLRDHUP
constexpr short kPeerClosed = POLLRDHUP | POLLHUP | POLLERR;
#else
constexpr short kPeerClosed = POLLHUP | POLLERR;
#endif

Time now() {
    return std::chrono::steady_clock::now();
}

void set_nonblocking(int fd) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

std::string reason(const char* what) {
    return std::string(what) + ": " + std::strerror(errno);
}

// Takes HOST:PORT or [IPv6]:PORT apart. The system would take a port beyond 16 bits modulo 65536.
bool split_address(const std::string& address, std::string& host, std::string& port,
                   std::string& error) {
    const std::size_t colon = address.rfind(':');
    if (colon != std::string::npos) {
        host = address.substr(0, colon);
        port = address.substr(colon + 1);
    }
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (colon == std::string::npos || (!bracketed && host.find(':') != std::string::npos)) {
        error = address + " is not HOST:PORT";
        return false;
    }
    if (bracketed) host = host.substr(1, host.size() - 2);
    const bool is_number = !port.empty() && port.size() <= 5 &&
                           port.find_first_not_of("0123456789") == std::string::npos;
    if (is_number && std::stoi(port) <= UINT16_MAX) return true;
    error = "cannot listen on " + address + ": ports are numbers from 0 to 65535";
    return false;
}

// Binds the first address that HOST:PORT resolves to; -1, and why, if none can be bound.
int listen_on(const std::string& host, const std::string& port, std::string& error) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found) != 0) {
        error = "no host is known by that name";
        return -1;
    }
    int listener = -1;
    for (const addrinfo* a = found; a != nullptr && listener < 0; a = a->ai_next) {
        listener = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (listener < 0) {
            error = std::strerror(errno);
            continue;
        }
        const int on = 1;
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(listener, a->ai_addr, a->ai_addrlen) != 0 || listen(listener, 1) != 0) {
            error = std::strerror(errno);
            close(listener);
            listener = -1;
        }
    }
    freeaddrinfo(found);
    return listener;
}

// HOST:PORT in numbers, with an IPv6 address in brackets.
std::string name_of(const sockaddr_storage& address, socklen_t size) {
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    if (getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(),
                    port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return "another host";
    std::string name(host.data());
    if (name.find(':') != std::string::npos) name.insert(0, 1, '[').append(1, ']');
    return name.append(1, ':').append(port.data());
}

std::string bound_port(int listener) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &size);
    std::array<char, NI_MAXSERV> port{};
    getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, nullptr, 0, port.data(), port.size(),
                NI_NUMERICSERV);
    return port.data();
}

}  // namespace

StreamSerial::StreamSerial() {
    std::array<int, 2> ends{-1, -1};
    if (pipe(ends.data()) == 0) {
        wake_read_ = ends[0];
        wake_write_ = ends[1];
        set_nonblocking(wake_read_);
        set_nonblocking(wake_write_);
    }
}

StreamSerial::~StreamSerial() {
    for (const int fd :
         {in_, out_ == in_ ? -1 : out_, listener_, refused_, slave_, wake_read_, wake_write_})
        if (fd > 2) close(fd);
}

std::unique_ptr<StreamSerial> StreamSerial::standard_streams() {
    std::unique_ptr<StreamSerial> serial(new StreamSerial);
    serial->in_ = STDIN_FILENO;
    serial->out_ = STDOUT_FILENO;
    set_nonblocking(serial->in_);
    set_nonblocking(serial->out_);
    serial->address_ = "standard streams";
    return serial;
}

std::unique_ptr<StreamSerial> StreamSerial::pseudo_terminal(std::string& error) {
    std::unique_ptr<StreamSerial> serial(new StreamSerial);
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    serial->in_ = serial->out_ = master;
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        error = reason("no pseudo-terminal can be had");
        return nullptr;
    }
    serial->address_ = ptsname(master);
    serial->slave_ = open(serial->address_.c_str(), O_RDWR | O_NOCTTY);
    termios raw{};
    if (serial->slave_ < 0 || tcgetattr(serial->slave_, &raw) != 0) {
        error = reason("the pseudo-terminal cannot be opened");
        return nullptr;
    }
    cfmakeraw(&raw);
    tcsetattr(serial->slave_, TCSANOW, &raw);
    set_nonblocking(master);
    return serial;
}

std::unique_ptr<StreamSerial> StreamSerial::tcp_listener(const std::string& address,
                                                         std::string& error, Duration patience) {
    std::string host;
    std::string port;
    if (!split_address(address, host, port, error)) return nullptr;
    std::unique_ptr<StreamSerial> serial(new StreamSerial);
    serial->listener_ = listen_on(host, port, error);
    if (serial->listener_ < 0) {
        error = "cannot listen on " + address + ": " + error;
        return nullptr;
    }
    set_nonblocking(serial->listener_);
    serial->patience_ = patience;
    if (host.empty()) host = "localhost";
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    serial->address_ = "socket://" + host + ":" + bound_port(serial->listener_);
    return serial;
}

void StreamSerial::accept_peer() {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int peer = accept(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    if (peer < 0) return;
    if (in_ >= 0 && !peer_is_gone()) {
        refuse(peer);
        return;
    }
    drop_peer();
    peer_ = name_of(address, size);
    heard_ = now();
    const int on = 1;
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    set_nonblocking(peer);
    in_ = out_ = peer;
}

// One that vanished without closing must not lock others out.
bool StreamSerial::peer_is_gone() const {
    pollfd peer{in_, static_cast<short>(POLLIN | kPeerClosed), 0};
    poll(&peer, 1, 0);
    if ((peer.revents & kPeerClosed) != 0) return true;
    return peer.revents == 0 && now() - heard_ > patience_;
}

// Says who has the device. Closing a socket with unread bytes would take the text back, so that it
// stays open until the next one is refused.
void StreamSerial::refuse(int peer) {
    const std::string text = "ugpt-device: in use by " + peer_ + "\n";
    set_nonblocking(peer);
    [[maybe_unused]] const ssize_t count = ::write(peer, text.data(), text.size());
    shutdown(peer, SHUT_WR);
    if (refused_ >= 0) close(refused_);
    refused_ = peer;
}

void StreamSerial::drop_peer() {
    if (listener_ >= 0 && in_ >= 0) close(in_);
    if (listener_ >= 0) in_ = out_ = -1;
}

std::size_t StreamSerial::read(std::span<std::uint8_t> out) {
    if (in_ < 0 || ended_) return 0;
    const Time at = pace_ ? now() : Time{};
    if (pace_) out = out.first(std::min(out.size(), pace_->incoming.bytes_by(at)));
    if (out.empty()) return 0;
    const ssize_t count = ::read(in_, out.data(), out.size());
    if (count > 0) {
        if (listener_ >= 0) heard_ = now();
        if (pace_) pace_->incoming.carry(static_cast<std::size_t>(count));
        return static_cast<std::size_t>(count);
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (pace_) pace_->incoming.idle(at);
        return 0;
    }
    if (listener_ >= 0)
        drop_peer();
    else if (slave_ < 0)
        ended_ = true;
    return 0;
}

// Like a UART without a ring for sending, it returns when the bytes have left.
void StreamSerial::write(std::span<const std::uint8_t> bytes) {
    if (!pace_) {
        send(bytes);
        return;
    }
    while (!bytes.empty()) {
        const auto piece = bytes.first(std::min(bytes.size(), kPieceBytes));
        std::this_thread::sleep_until(pace_->outgoing.end_of_work(
            now(), duration_of(piece.size() * LinePace::kBitsPerByte, pace_->baud)));
        pace_->outgoing.ended(now());
        send(piece);
        bytes = bytes.subspan(piece.size());
    }
}

void StreamSerial::send(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty() && out_ >= 0) {
        const ssize_t count = ::write(out_, bytes.data(), bytes.size());
        if (count > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(count));
            continue;
        }
        if (count < 0 && errno == EINTR) continue;
        pollfd ready{out_, POLLOUT, 0};
        if (errno != EAGAIN || poll(&ready, 1, kWriteTimeoutMs) <= 0) {
            drop_peer();
            return;
        }
    }
}

void StreamSerial::wait(std::uint32_t timeout_ms) {
    std::array<pollfd, 3> fds{pollfd{wake_read_, POLLIN, 0}, pollfd{ended_ ? -1 : in_, POLLIN, 0},
                              pollfd{listener_, POLLIN, 0}};
    const bool was_idle = pace_ && poll(&fds[1], 1, 0) == 0;
    poll(fds.data(), fds.size(), static_cast<int>(timeout_ms));
    if (pace_ && fds[1].revents != 0) await_first_byte(was_idle);
    if ((fds[0].revents & POLLIN) != 0) {
        std::array<char, 64> drained{};
        while (::read(wake_read_, drained.data(), drained.size()) > 0) {
        }
    }
    if ((fds[2].revents & POLLIN) != 0) accept_peer();
}

// The system has bytes that the line is still busy with.
void StreamSerial::await_first_byte(bool was_idle) {
    if (was_idle) pace_->incoming.idle(now());
    pollfd woken{wake_read_, POLLIN, 0};
    if (pace_->incoming.bytes_by(now()) == 0) poll(&woken, 1, kArrivalMs);
}

void StreamSerial::keep_pace(std::uint32_t baud) {
    pace_.emplace(baud);
    pace_->incoming.idle(now());
}

bool StreamSerial::set_baud(std::uint32_t baud) {
    if (pace_) {
        pace_->baud = baud;
        pace_->incoming.set_baud(baud);
    }
    return true;
}

void StreamSerial::wake() {
    const char byte = 0;
    // A full pipe wakes just as well.
    [[maybe_unused]] const ssize_t count = ::write(wake_write_, &byte, 1);
}

}  // namespace ugpt::port::posix
