#include "main/posix_options.h"

#include <cerrno>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

#include "rpc/messages.h"

namespace ugpt::main {

const char* const kUsage =
    "usage: ugpt-device [--flash FILE] [--stdio | --pty | --listen HOST:PORT] [options]\n"
    "\n"
    "The ugpt firmware as a process: an ESP32 without the board.\n"
    "\n"
    "  --flash FILE            the flash; made if absent, kept between starts (default: in "
    "memory)\n"
    "  --stdio                 speak over standard input and output (default)\n"
    "  --pty                   open a pseudo-terminal and print its path\n"
    "  --listen HOST:PORT      accept TCP connections and print the address; port 0: any free\n"
    "  --board NAME            the board to be: esp32 (default), esp32s3, esp32s3-psram, esp32c3\n"
    "  --frame-bytes N         largest frame body, 1280 to 8192 (default 2048)\n"
    "  --window N              requests in flight, 1 to 16 (default 4)\n"
    "  --pace                  take the time that the board is estimated to take\n"
    "  --threads N             compute in N threads, 1 to 64 (default 1); the results are the "
    "same\n"
    "  --end-with-stdin        end when standard input does, which --stdio always implies\n"
    "  --power-cut-after N     end at once after N bytes written to flash\n"
    "  --flash-log FILE        append a line to FILE for each write to flash and each erasure\n"
    "  --region LABEL=BYTES    a partition table whose region is smaller, or lacking if 0; "
    "allowed\n"
    "                          more than once\n";

namespace {

constexpr std::uint64_t kMostThreads = 64;

// Appended piece by piece: GCC 12 warns of overlapping copies in sums that begin with a literal.
std::string join(std::initializer_list<std::string_view> pieces) {
    std::string result;
    for (const std::string_view piece : pieces) result += piece;
    return result;
}

bool parse_number(std::string_view text, std::uint64_t min, std::uint64_t max,
                  std::uint64_t& value) {
    const std::string copy(text);
    char* end = nullptr;
    errno = 0;
    value = std::strtoull(copy.c_str(), &end, 10);
    return errno == 0 && !copy.empty() && *end == '\0' && copy[0] != '-' && value >= min &&
           value <= max;
}

std::string quoted(std::string_view text) {
    std::string result(1, '\'');
    result.append(text);
    return result.append(1, '\'');
}

bool parse_region(std::string_view value, Options& options) {
    const std::size_t equals = value.find('=');
    std::uint64_t size = 0;
    if (equals == std::string_view::npos ||
        !parse_number(value.substr(equals + 1), 0, UINT32_MAX, size))
        return false;
    options.regions.push_back(
        {std::string(value.substr(0, equals)), static_cast<std::uint32_t>(size)});
    return true;
}

// Applies an option that has a value; false and a filled `error` if it is unknown or wrong.
bool apply(std::string_view name, std::string_view value, Options& options, std::string& error) {
    std::uint64_t number = 0;
    if (name == "--listen") {
        options.link = Options::Link::tcp;
        options.listen_address = value;
    } else if (name == "--flash") {
        options.flash_path = value;
    } else if (name == "--flash-log") {
        options.flash_log_path = value;
    } else if (name == "--board") {
        options.board = port::posix::find_board(value);
        if (options.board != nullptr) return true;
        error = "there is no board " + quoted(value) + "; there are:";
        for (const auto& board : port::posix::boards()) error.append(1, ' ').append(board.name);
        return false;
    } else if (name == "--frame-bytes" &&
               parse_number(value, rpc::kFrameMinBytes, rpc::kFrameMaxBytes, number)) {
        options.limits.frame_bytes = static_cast<std::uint16_t>(number);
    } else if (name == "--window" && parse_number(value, 1, rpc::kWindowMax, number)) {
        options.limits.window = static_cast<std::uint8_t>(number);
    } else if (name == "--threads" && parse_number(value, 1, kMostThreads, number)) {
        options.threads = static_cast<std::uint32_t>(number);
    } else if (name == "--power-cut-after" && parse_number(value, 1, UINT64_MAX, number)) {
        options.power_cut_bytes = number;
    } else if (name == "--region" && parse_region(value, options)) {
        return true;
    } else {
        error = join({"'", name, " ", value, "' is not understood"});
        return false;
    }
    return true;
}

}  // namespace

bool parse_options(int argc, char** argv, Options& options, std::string& error) {
    options.board = port::posix::find_board("esp32");
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--help") {
            options.help = true;
            return true;
        }
        if (name == "--stdio") {
            options.link = Options::Link::standard_streams;
        } else if (name == "--pty") {
            options.link = Options::Link::pseudo_terminal;
        } else if (name == "--pace") {
            options.pace = true;
        } else if (name == "--end-with-stdin") {
            options.end_with_stdin = true;
        } else if (i + 1 == argc) {
            error = join({"'", name, "' is unknown or lacks a value; see --help"});
            return false;
        } else if (!apply(name, argv[++i], options, error)) {
            return false;
        }
    }
    if (options.pace && options.board->clock_hz == 0) {
        error = join({"nothing is known of the speed of a board ", quoted(options.board->name),
                      ", so it can keep no pace; there is: --board esp32"});
        return false;
    }
    return true;
}

}  // namespace ugpt::main
