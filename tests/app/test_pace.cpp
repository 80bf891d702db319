// A virtual device at a board's pace: the arithmetic of deadlines with a clock of the test's own,
// and that nothing is over before its time.

#include "port/posix/pace.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "check.h"
#include "port/posix/board.h"
#include "port/posix/platform.h"
#include "port/posix/serial.h"

using namespace std::chrono_literals;
using namespace ugpt::port::posix;
using Clock = std::chrono::steady_clock;

namespace {

const Time kStart{1h};

}  // namespace

TEST(durations_are_exact_and_do_not_overflow) {
    CHECK(duration_of(240, 240'000'000) == 1us);
    CHECK(duration_of(10, 921'600) == 10'850ns);
    CHECK(duration_of(240'000'000ull * 1'000'000, 240'000'000) == 1'000'000s);
}

TEST(work_is_over_when_its_time_has_passed_since_it_began) {
    WorkPace pace;
    CHECK(pace.end_of_work(kStart, 5ms) == kStart + 5ms);
}

TEST(waits_that_end_late_do_not_change_the_rate) {
    WorkPace pace;
    Time now = kStart;
    for (int step = 0; step < 1000; ++step) {
        const Time end = pace.end_of_work(now, 1500us);
        now = std::max(now, end) + 80us;
        pace.ended(now);
    }
    CHECK(now - kStart == 1000 * 1500us + 80us);
}

TEST(idle_time_is_no_credit) {
    WorkPace pace;
    pace.ended(pace.end_of_work(kStart, 1ms));
    CHECK(pace.end_of_work(kStart + 10s, 1ms) == kStart + 10s + 1ms);
}

TEST(a_computer_that_stood_still_need_not_catch_up) {
    WorkPace pace;
    const Time end = pace.end_of_work(kStart, 1ms);
    pace.ended(end + 1h);
    const Time later = end + 1h;
    CHECK(pace.end_of_work(later, 1s) == later + 1s - 100ms);
}

TEST(bytes_come_one_after_the_other) {
    LinePace line(100'000);  // 100 us a byte
    line.idle(kStart);
    CHECK(line.bytes_by(kStart) == 0);
    CHECK(line.bytes_by(kStart + 99us) == 0);
    CHECK(line.bytes_by(kStart + 100us) == 1);
    CHECK(line.bytes_by(kStart + 1050us) == 10);
    CHECK(line.carry(10) == kStart + 1ms);
    CHECK(line.bytes_by(kStart + 1050us) == 0);
    CHECK(line.bytes_by(kStart + 1100us) == 1);
}

TEST(an_idle_line_begins_anew) {
    LinePace line(100'000);
    line.idle(kStart);
    line.idle(kStart + 5s);
    CHECK(line.bytes_by(kStart + 5s + 250us) == 2);
    line.set_baud(1'000'000);
    CHECK(line.bytes_by(kStart + 5s + 250us) == 25);
}

TEST(a_platform_that_keeps_the_pace_takes_the_time_of_the_board) {
    const Board& board = boards()[0];
    HostPlatform platform(board, 1, true, [] {});
    CHECK(platform.chip().clock_hz == board.clock_hz);
    CHECK(platform.chip().baud_max == board.baud_max);
    const std::uint64_t begun_us = platform.now_us();
    platform.spend(board.clock_hz / 100, begun_us);
    CHECK(platform.now_us() - begun_us >= 10'000);
}

TEST(a_platform_that_is_stopped_waits_no_more) {
    const Board& board = boards()[0];
    HostPlatform platform(board, 1, true, [] {});
    platform.stop();
    platform.spend(std::uint64_t{board.clock_hz} * 1'000'000, platform.now_us());
}

TEST(without_pace_nothing_waits) {
    const Board& board = boards()[0];
    HostPlatform platform(board, 1, false, [] {});
    CHECK(platform.chip().clock_hz == 0 && platform.chip().baud_max == 0);
    CHECK(platform.chip().cost_hz == board.clock_hz);  // estimates are those of the board
    platform.spend(std::uint64_t{240'000'000} * 1'000'000, platform.now_us());
}

TEST(bytes_take_their_time_both_ways) {
    constexpr std::uint32_t kBaud = 50'000;  // 200 us a byte
    constexpr std::size_t kBytes = 200;
    constexpr auto kLeast = kBytes * 200us;
    std::string error;
    const auto serial = StreamSerial::pseudo_terminal(error);
    if (!CHECK(serial != nullptr)) return;
    const int host = open(serial->address().c_str(), O_RDWR | O_NOCTTY);
    std::vector<std::uint8_t> bytes(kBytes, 'x');

    // The line counts from the last moment that it is known to have been idle: from here on.
    Time begun = Clock::now();
    serial->keep_pace(115'200);
    CHECK(serial->set_baud(kBaud));
    CHECK(write(host, bytes.data(), bytes.size()) == static_cast<ssize_t>(kBytes));
    std::size_t received = 0;
    std::array<std::uint8_t, 256> buffer;
    while (received < kBytes) {
        serial->wait(1000);
        while (const std::size_t count = serial->read(buffer)) received += count;
    }
    CHECK(Clock::now() - begun >= kLeast);

    begun = Clock::now();
    serial->write(bytes);
    CHECK(Clock::now() - begun >= kLeast);
    for (received = 0; received < kBytes;)
        received += static_cast<std::size_t>(read(host, buffer.data(), buffer.size()));
    CHECK(received == kBytes);
    close(host);
}
