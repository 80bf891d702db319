// What stands around params and results: MessagePack-RPC requests, responses and notifications.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rpc/messages.h"
#include "rpc/msgpack.h"

namespace ugpt::rpc {

// The first item of a message.
inline constexpr std::uint8_t kRequestType = 0;
inline constexpr std::uint8_t kResponseType = 1;
inline constexpr std::uint8_t kNotificationType = 2;

// A request whose params have not been decoded yet. Views are of the body.
struct Request {
    std::uint32_t id = 0;
    std::string_view name;
    std::optional<Method> method;  // empty: unknown to this firmware
    Reader params;                 // for `decode`; known to be one whole array
};

enum class Envelope : std::uint8_t {
    request,
    malformed,  // not a request, but it has an id that can be answered with `bad_message`
    unusable,   // nothing that could be answered
};

// Reads a body as a request. `out.id` is set for `request` and `malformed`.
[[nodiscard]] Envelope parse_request(std::span<const std::uint8_t> body, Request& out);

// A whole response that carries an error.
void write_error(Writer& writer, std::uint32_t id, ErrorCode code, std::string_view message,
                 std::uint32_t detail = 0);

// A whole response that carries a result, or a whole notification; the body is empty if `out` is
// too small.
[[nodiscard]] std::span<const std::uint8_t> encode_response(std::span<std::uint8_t> out,
                                                            std::uint32_t id, MessageView result);
[[nodiscard]] std::span<const std::uint8_t> encode_notification(std::span<std::uint8_t> out,
                                                                std::string_view name,
                                                                MessageView params);

}  // namespace ugpt::rpc
