#include "app/dispatch.h"

namespace ugpt::app {

std::span<const std::uint8_t> encode_error(std::span<std::uint8_t> out, std::uint32_t id,
                                           const CallError& error) {
    rpc::Writer writer(out);
    rpc::write_error(writer, id, error.code,
                     error.message.empty() ? rpc::error_text(error.code) : error.message,
                     error.detail);
    return writer.written();
}

std::span<const std::uint8_t> decode_params(const rpc::Request& request, rpc::MessageSlot params,
                                            std::span<std::uint8_t> out) {
    rpc::Reader reader = request.params;
    rpc::FieldError error;
    if (decode_fields(reader, params, error)) return {};
    std::array<char, 96> text;
    return encode_error(out, request.id,
                        {rpc::ErrorCode::bad_params, 0, rpc::describe(error, text)});
}

std::span<const std::uint8_t> encode_reply(const rpc::Request& request, const CallError& error,
                                           rpc::MessageView result, std::span<std::uint8_t> out) {
    if (error.refused()) return encode_error(out, request.id, error);
    const auto response = rpc::encode_response(out, request.id, result);
    if (!response.empty()) return response;
    return encode_error(out, request.id,
                        {rpc::ErrorCode::bad_params, 0, "the answer is longer than a frame"});
}

}  // namespace ugpt::app
