// Why a call was refused.
#pragma once

#include <cstdint>
#include <string_view>

#include "rpc/messages.h"

namespace ugpt::app {

// `code` none: it was not refused.
struct CallError {
    rpc::ErrorCode code = rpc::ErrorCode::none;
    std::uint32_t detail = 0;
    std::string_view message;  // of static text; empty: the schema's text for the code

    CallError(rpc::ErrorCode code = rpc::ErrorCode::none, std::uint32_t detail = 0,
              std::string_view message = {})
        : code(code), detail(detail), message(message) {}

    [[nodiscard]] bool refused() const { return code != rpc::ErrorCode::none; }
};

}  // namespace ugpt::app
