// A request on its way through the firmware, and the frame of every answer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "rpc/envelope.h"
#include "rpc/messages.h"

namespace ugpt::app {

// One buffer holds the request and, once it is answered, the response. The link task owns it but
// between handing it to the trainer and getting it back.
struct Exchange {
    std::span<std::uint8_t> buffer;
    std::size_t size = 0;  // of the body in the buffer
    std::uint32_t id = 0;
    bool with_trainer = false;

    [[nodiscard]] std::span<const std::uint8_t> body() const { return buffer.first(size); }
};

// Why a command was refused; `code` none where it was not.
struct Refusal {
    rpc::ErrorCode code = rpc::ErrorCode::none;
    std::uint32_t detail = 0;
    std::string_view message;  // empty: the schema's text for the code

    Refusal(rpc::ErrorCode code = rpc::ErrorCode::none, std::uint32_t detail = 0,
            std::string_view message = {})
        : code(code), detail(detail), message(message) {}
};

inline std::span<const std::uint8_t> encode_refusal(std::span<std::uint8_t> out, std::uint32_t id,
                                                    const Refusal& refusal) {
    rpc::Writer writer(out);
    rpc::write_error(writer, id, refusal.code,
                     refusal.message.empty() ? rpc::error_text(refusal.code) : refusal.message,
                     refusal.detail);
    return writer.written();
}

// Decodes the params of a request, runs `handler(params, result) -> Refusal`, and encodes the
// response into `out`.
template <typename Params, typename Handler>
std::span<const std::uint8_t> answer(const rpc::Request& request, std::span<std::uint8_t> out,
                                     Handler&& handler) {
    Params params;
    rpc::FieldError error;
    rpc::Reader reader = request.params;
    if (!decode(reader, params, error)) {
        std::array<char, 96> text;
        return encode_refusal(out, request.id,
                              {rpc::ErrorCode::bad_params, 0, rpc::describe(error, text)});
    }
    typename Params::Result result;
    if (const Refusal refusal = handler(params, result); refusal.code != rpc::ErrorCode::none)
        return encode_refusal(out, request.id, refusal);
    return rpc::encode_response(out, request.id, result);
}

}  // namespace ugpt::app
