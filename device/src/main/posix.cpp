// The virtual device: the firmware as a process of its own.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/device.h"
#include "main/posix_options.h"
#include "port/posix/flash.h"
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

bool catch_signals() {
    if (pipe(signal_pipe) != 0) return false;
    fcntl(signal_pipe[1], F_SETFL, O_NONBLOCK);
    struct sigaction action {};
    action.sa_handler = on_signal;
    signal(SIGPIPE, SIG_IGN);
    return sigaction(SIGINT, &action, nullptr) == 0 && sigaction(SIGTERM, &action, nullptr) == 0;
}

std::unique_ptr<port::posix::StreamSerial> open_serial(const Options& options,
                                                       std::string& error) {
    using port::posix::StreamSerial;
    switch (options.link) {
        case Options::Link::pseudo_terminal:
            return StreamSerial::pseudo_terminal(error);
        case Options::Link::tcp:
            return StreamSerial::tcp_listener(options.listen_address, error);
        case Options::Link::standard_streams:
            break;
    }
    return StreamSerial::standard_streams(error);
}

// One life of the device, from power-up to a restart (true) or the end of the process (false).
bool live(const Options& options, port::posix::StreamSerial& serial,
          port::posix::FileFlash& flash) {
    std::atomic<bool> restart{false};
    auto platform = std::make_unique<port::posix::HostPlatform>(
        *options.board, flash.device_id(), [&restart] {
            restart = true;
            on_signal(0);  // wakes the wait below
        });
    port::posix::ThreadSignal trainer_signal;
    port::posix::MemoryLog log;
    std::vector<std::uint8_t> exchanges(app::DeviceMemory::exchange_bytes(options.limits));
    std::vector<std::uint8_t> scratch(app::DeviceMemory::scratch_bytes(options.limits));
    const auto queues = std::make_unique<app::QueueMemory>();
    auto device = std::make_unique<app::Device>(
        app::Ports{*platform, serial, flash, trainer_signal, log}, options.limits,
        app::DeviceMemory{exchanges, scratch, *queues});

    std::thread link([&device] { device->run_link(); });
    std::thread trainer([&device] { device->run_trainer(); });
    pollfd ends{signal_pipe[0], POLLIN, 0};
    while (!serial.ended() && poll(&ends, 1, 100) <= 0) {
    }
    char drained = 0;
    if ((ends.revents & POLLIN) != 0 && read(signal_pipe[0], &drained, 1) < 0) restart = false;
    device->stop();
    link.join();
    trainer.join();
    return restart;
}

int fail(const std::string& error) {
    std::fprintf(stderr, "ugpt-device: %s\n", error.c_str());
    return EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    std::string error;
    if (!main::parse_options(argc, argv, options, error)) return fail(error);
    if (options.help) {
        std::fputs(main::kUsage, stdout);
        return EXIT_SUCCESS;
    }
    if (!catch_signals()) return fail("cannot catch signals");
    const auto serial = open_serial(options, error);
    if (serial == nullptr) return fail(error);
    const auto flash = port::posix::FileFlash::open(options.flash_path, error);
    if (flash == nullptr) return fail(error);
    if (options.power_cut_bytes > 0) flash->cut_power_after(options.power_cut_bytes);
    if (options.link != Options::Link::standard_streams) {
        std::printf("%s\n", serial->address().c_str());
        std::fflush(stdout);
    }
    while (live(options, *serial, *flash)) {
    }
    return EXIT_SUCCESS;
}
