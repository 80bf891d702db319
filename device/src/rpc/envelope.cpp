#include "rpc/envelope.h"

#include <limits>

namespace ugpt::rpc {

namespace {

constexpr std::size_t kRequestItems = 4;
constexpr std::size_t kResponseItems = 4;
constexpr std::size_t kNotificationItems = 3;

}  // namespace

Envelope parse_request(std::span<const std::uint8_t> body, Request& out) {
    out = {};
    Reader reader(body);
    const std::size_t items = reader.array();
    if (items == 0 || reader.uint() != kRequestType) {
        return Envelope::unusable;
    }
    const std::uint64_t id = reader.uint();
    if (!reader.ok() || id > std::numeric_limits<std::uint32_t>::max()) {
        return Envelope::unusable;
    }
    out.id = static_cast<std::uint32_t>(id);
    out.name = reader.str();
    out.params = reader;
    // All of it is walked once here, so that a message that is not whole is never half obeyed.
    Reader params = reader;
    params.array();
    reader.skip();
    if (items != kRequestItems || !params.ok() || !reader.ok() || !reader.rest().empty()) {
        return Envelope::malformed;
    }
    out.method = find_method(out.name);
    return Envelope::request;
}

std::span<const std::uint8_t> encode_response(std::span<std::uint8_t> out, std::uint32_t id,
                                              MessageView result) {
    Writer writer(out);
    writer.array(kResponseItems);
    writer.uint(kResponseType);
    writer.uint(id);
    writer.nil();
    encode_fields(writer, result);
    return writer.ok() ? writer.written() : std::span<const std::uint8_t>{};
}

std::span<const std::uint8_t> encode_notification(std::span<std::uint8_t> out,
                                                  std::string_view name, MessageView params) {
    Writer writer(out);
    writer.array(kNotificationItems);
    writer.uint(kNotificationType);
    writer.str(name);
    encode_fields(writer, params);
    return writer.ok() ? writer.written() : std::span<const std::uint8_t>{};
}

void write_error(Writer& writer, std::uint32_t id, ErrorCode code, std::string_view message,
                 std::uint32_t detail) {
    writer.array(kResponseItems);
    writer.uint(kResponseType);
    writer.uint(id);
    writer.array(3);
    writer.uint(static_cast<std::uint8_t>(code));
    writer.str(message);
    writer.uint(detail);
    writer.nil();
}

}  // namespace ugpt::rpc
