// The command line of the virtual device.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/device.h"
#include "port/posix/board.h"

namespace ugpt::main {

struct Options {
    enum class Link : std::uint8_t { standard_streams, pseudo_terminal, tcp };

    // A region of the flash as a foreign partition table has it.
    struct Region {
        std::string label;
        std::uint32_t size_bytes;
    };

    Link link = Link::standard_streams;
    std::string listen_address;
    std::string flash_path;      // empty: in memory
    std::string flash_log_path;  // empty: no log
    std::vector<Region> regions;
    const port::posix::Board* board = nullptr;
    app::LinkLimits limits;
    std::uint32_t threads = 1;          // that compute
    std::uint64_t power_cut_bytes = 0;  // 0: the power stays
    bool end_with_stdin = false;
    bool pace = false;
    bool help = false;
};

extern const char* const kUsage;

// False and a filled `error` if the arguments make no sense.
bool parse_options(int argc, char** argv, Options& options, std::string& error);

}  // namespace ugpt::main
