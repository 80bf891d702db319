// The virtual device: the firmware as a process of its own.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/device.h"
#include "main/posix_options.h"
#include "port/posix/flash.h"
#include "port/posix/helper.h"
#include "port/posix/paced_flash.h"
#include "port/posix/platform.h"
#include "port/posix/serial.h"

namespace {

using namespace ugpt;
using main::Options;

// Written by the signal handler; a process-wide handler can reach nothing else.
int signal_pipe[2] = {-1, -1};

void on_signal(int) {
    const int saved = errno;
    [[maybe_unused]] const ssize_t count = write(signal_pipe[1], "", 1);
    errno = saved;
}

// Catches a signal, unless whoever started this process wants it ignored, as nohup does.
bool catch_signal(int number) {
    struct sigaction action{};
    if (sigaction(number, nullptr, &action) != 0) return false;
    if (action.sa_handler == SIG_IGN) return true;
    action = {};
    action.sa_handler = on_signal;
    return sigaction(number, &action, nullptr) == 0;
}

bool catch_signals() {
    if (pipe(signal_pipe) != 0) return false;
    fcntl(signal_pipe[1], F_SETFL, O_NONBLOCK);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit fails, as on a full disk
    return catch_signal(SIGINT) && catch_signal(SIGTERM) && catch_signal(SIGHUP);
}

std::unique_ptr<port::posix::StreamSerial> open_serial(const Options& options, std::string& error) {
    using port::posix::StreamSerial;
    switch (options.link) {
        case Options::Link::pseudo_terminal:
            return StreamSerial::pseudo_terminal(error);
        case Options::Link::tcp:
            return StreamSerial::tcp_listener(options.listen_address, error);
        case Options::Link::standard_streams:
            break;
    }
    return StreamSerial::standard_streams();
}

// Whether standard input has ended. A process that starts a device holds the other end of a pipe,
// which the system closes however that process ends; what comes through it means nothing.
bool stdin_ended() {
    std::array<char, 64> ignored;
    const ssize_t count = read(STDIN_FILENO, ignored.data(), ignored.size());
    return count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN);
}

// Waits until the device is to restart or the process to end; true for a restart.
bool wait_for_end(const Options& options, const port::posix::StreamSerial& serial,
                  const std::atomic<bool>& restart) {
    constexpr int kLookMs = 100;  // how often the serial port is asked whether it has ended
    std::array<pollfd, 2> ends{pollfd{signal_pipe[0], POLLIN, 0}, pollfd{-1, POLLIN, 0}};
    const bool speaks_over_stdin = options.link == Options::Link::standard_streams;
    if (options.end_with_stdin && !speaks_over_stdin) ends[1].fd = STDIN_FILENO;
    while (!serial.ended()) {
        if (poll(ends.data(), ends.size(), kLookMs) <= 0) continue;
        if (ends[1].revents != 0 && stdin_ended()) return false;
        if (ends[0].revents == 0) continue;
        char drained = 0;
        return read(signal_pipe[0], &drained, 1) == 1 && restart;
    }
    return false;
}

// One life of the device, from power-up to a restart (true) or the end of the process (false).
bool live(const Options& options, port::posix::StreamSerial& serial,
          port::posix::FileFlash& flash) {
    std::atomic<bool> restart{false};
    auto platform = std::make_unique<port::posix::HostPlatform>(
        *options.board, flash.device_id(), options.pace, [&restart] {
            restart = true;
            on_signal(0);  // wakes the wait below
        });
    port::posix::PacedFlash paced_flash(flash, *platform);
    port::Flash& used_flash = options.pace ? static_cast<port::Flash&>(paced_flash) : flash;
    if (options.pace) serial.keep_pace(rpc::kFirstBaud);
    port::posix::ThreadSignal trainer_signal;
    port::posix::MemoryLog log;
    std::vector<std::uint8_t> calls(app::DeviceMemory::call_bytes(options.limits));
    std::vector<std::uint8_t> scratch(app::DeviceMemory::scratch_bytes(options.limits));
    const auto queues = std::make_unique<app::QueueMemory>();
    std::optional<port::posix::ThreadHelper> helper;
    if (options.threads > 1) helper.emplace(options.threads - 1);
    auto device = std::make_unique<app::Device>(
        app::Ports{*platform, serial, used_flash, trainer_signal, log, helper ? &*helper : nullptr},
        options.limits, app::DeviceMemory{calls, scratch, *queues});

    std::thread link([&device] { device->run_link(); });
    std::thread trainer([&device] { device->run_trainer(); });
    const bool lives_again = wait_for_end(options, serial, restart);
    device->stop();
    platform->stop();
    link.join();
    trainer.join();
    if (!lives_again) device->keep_run();
    return lives_again;
}

constexpr int kWrongOption = 2;

int fail(const std::string& error, int status = EXIT_FAILURE) {
    std::fprintf(stderr, "ugpt-device: %s\n", error.c_str());
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    std::string error;
    if (!main::parse_options(argc, argv, options, error)) return fail(error, kWrongOption);
    if (options.help) {
        std::fputs(main::kUsage, stdout);
        return EXIT_SUCCESS;
    }
    if (!catch_signals()) return fail("cannot catch signals");
    const auto serial = open_serial(options, error);
    if (serial == nullptr) return fail(error);
    const auto flash = port::posix::FileFlash::open(options.flash_path, error);
    if (flash == nullptr) return fail(error);
    for (const auto& [label, size_bytes] : options.regions)
        if (!flash->shrink(label, size_bytes))
            return fail("there is no region " + label + " as large as that", kWrongOption);
    if (!options.flash_log_path.empty() && !flash->log_to(options.flash_log_path, error))
        return fail(error);
    if (options.power_cut_bytes > 0) flash->cut_power_after(options.power_cut_bytes);
    if (options.link != Options::Link::standard_streams) {
        std::printf("%s\n", serial->address().c_str());
        std::fflush(stdout);
    }
    while (live(options, *serial, *flash)) {
    }
    return EXIT_SUCCESS;
}
