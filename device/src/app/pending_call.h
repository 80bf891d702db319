// A call on its way through the firmware.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ugpt::app {

// One buffer holds the request and, once it is answered, the response. The link task owns it
// except between handing it to the trainer and getting it back.
struct PendingCall {
    std::span<std::uint8_t> buffer;
    std::size_t size = 0;  // of the body in the buffer
    std::uint32_t id = 0;
    bool with_trainer = false;

    [[nodiscard]] std::span<const std::uint8_t> body() const { return buffer.first(size); }
};

}  // namespace ugpt::app
