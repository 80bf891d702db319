// The boards that a virtual device can be, and the rate at which a chip reads its flash.

#include "check.h"
#include "port/flash_rate.h"
#include "port/posix/board.h"
#include "port/posix/platform.h"

using namespace ugpt::port;
using namespace ugpt::port::posix;

namespace {

TEST(a_virtual_device_reads_flash_at_the_rate_of_its_chip) {
    for (const Board& board : boards()) {
        const HostPlatform platform(board, 1, false, [] {});
        const std::uint32_t rate = platform.chip().flash_bytes_per_s;
        CHECK(rate == flash_bytes_per_s(board.chip, FlashMode::qio, 80'000'000));
        CHECK((rate == 0) == (platform.chip().cost_hz == 0));  // nothing is known of a C3
    }
}

TEST(fewer_lines_and_a_slower_clock_read_less) {
    CHECK(flash_bytes_per_s("esp32", FlashMode::qio, 80'000'000) == 22'000'000);
    CHECK(flash_bytes_per_s("esp32", FlashMode::qout, 40'000'000) == 14'000'000);
    CHECK(flash_bytes_per_s("esp32", FlashMode::dio, 80'000'000) == 14'000'000);
    CHECK(flash_bytes_per_s("esp32", FlashMode::dio, 40'000'000) == 8'000'000);
    CHECK(flash_bytes_per_s("esp32", FlashMode::unknown, 0) == 8'000'000);
    CHECK(flash_bytes_per_s("esp32s3", FlashMode::qio, 80'000'000) == 29'900'000);
    CHECK(flash_bytes_per_s("esp32c3", FlashMode::qio, 80'000'000) == 0);
}

}  // namespace
