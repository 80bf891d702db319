// The golden vectors: each is encoded and decoded, as a message and as a frame.
#include <limits>
#include <string_view>
#include <variant>

#include "base/crc32.h"
#include "bytes.h"
#include "check.h"
#include "rpc/encode_frame.h"
#include "rpc/envelope.h"

namespace ugpt::rpc {
namespace {

// What stands for bytes that are too long to be written out.
struct Digest {
    std::size_t size;
    std::uint32_t crc;
};

using Expected = std::variant<std::string_view, Digest>;

enum class Direction { both, decode_only };

bool matches(std::span<const std::uint8_t> actual, const Expected& expected) {
    if (const auto* digest = std::get_if<Digest>(&expected)) {
        return actual.size() == digest->size && base::crc32(actual) == digest->crc;
    }
    return equal(actual, from_hex(std::get<std::string_view>(expected)));
}

// Encodes a body with `write`, which is given the writer.
template <typename Write>
Bytes encoded(const Write& write) {
    Bytes room(kFrameMaxBytes);
    Writer writer(room);
    write(writer);
    CHECK(writer.ok());
    return copy(writer.written());
}

// Checks the encoders and returns the body to decode.
Bytes check_encoding(const Bytes& ours, const Expected& body, const Expected& frame,
                     Direction direction) {
    Bytes given = ours;
    if (direction == Direction::both) {
        CHECK(matches(ours, body));
    } else {
        given = from_hex(std::get<std::string_view>(body));
        CHECK(!equal(ours, given));
    }
    Bytes room(frame_capacity(given.size()));
    room.resize(encode_frame(given, room));
    CHECK(matches(room, frame));

    Bytes buffer(decoder_capacity(given.size()));
    FrameDecoder decoder(buffer);
    std::span<const std::uint8_t> decoded;
    CHECK(decoder.feed(room, decoded) == room.size());
    CHECK(equal(decoded, given));
    return given;
}

// `decoded` has its defaults; the fields of `value` are what it must be.
void check_decoding(Reader reader, MessageSlot decoded, MessageView value) {
    FieldError error;
    CHECK(decode_fields(reader, decoded, error));
    CHECK(reader.ok());
    CHECK(reader.rest().empty());
    const auto fields = [](MessageView message) {
        return encoded([&](Writer& writer) { encode_fields(writer, message); });
    };
    CHECK(equal(fields({decoded.layout, decoded.bytes}), fields(value)));
}

void check_request(std::uint32_t id, Method method, MessageView value, MessageSlot decoded,
                   const Expected& body, const Expected& frame, Direction direction) {
    const Bytes ours = encoded([&](Writer& writer) {
        writer.array(4);
        writer.uint(kRequestType);
        writer.uint(id);
        writer.str(method_name(method));
        encode_fields(writer, value);
    });
    const Bytes given = check_encoding(ours, body, frame, direction);
    Request request;
    CHECK(parse_request(given, request) == Envelope::request);
    CHECK(request.id == id);
    CHECK(request.method == method);
    check_decoding(request.params, decoded, value);
}

template <typename Params>
void check_request(std::uint32_t id, const Params& value, const Expected& body,
                   const Expected& frame, Direction direction = Direction::both) {
    Params decoded;
    check_request(id, Params::kMethod, view(value), slot(decoded), body, frame, direction);
}

void check_result(std::uint32_t id, MessageView value, MessageSlot decoded, const Expected& body,
                  const Expected& frame, Direction direction) {
    Bytes room(kFrameMaxBytes);
    const Bytes ours = copy(encode_response(room, id, value));
    const Bytes given = check_encoding(ours, body, frame, direction);
    Reader reader(given);
    CHECK(reader.array() == 4);
    CHECK(reader.uint() == kResponseType);
    CHECK(reader.uint() == id);
    CHECK(reader.take_nil());
    check_decoding(reader, decoded, value);
}

template <typename Result>
void check_result(std::uint32_t id, const Result& value, const Expected& body,
                  const Expected& frame, Direction direction = Direction::both) {
    Result decoded;
    check_result(id, view(value), slot(decoded), body, frame, direction);
}

void check_error(std::uint32_t id, ErrorCode code, std::string_view message, std::uint32_t detail,
                 const Expected& body, const Expected& frame) {
    const Bytes ours =
        encoded([&](Writer& writer) { write_error(writer, id, code, message, detail); });
    const Bytes given = check_encoding(ours, body, frame, Direction::both);
    Reader reader(given);
    CHECK(reader.array() == 4);
    CHECK(reader.uint() == kResponseType);
    CHECK(reader.uint() == id);
    CHECK(reader.array() == 3);
    CHECK(reader.uint() == static_cast<std::uint64_t>(code));
    CHECK(reader.str() == message);
    CHECK(reader.uint() == detail);
    CHECK(reader.take_nil());
    CHECK(reader.ok() && reader.rest().empty());
}

void check_notification(std::string_view name, MessageView value, MessageSlot decoded,
                        const Expected& body, const Expected& frame) {
    Bytes room(kFrameMaxBytes);
    const Bytes ours = copy(encode_notification(room, name, value));
    const Bytes given = check_encoding(ours, body, frame, Direction::both);
    Reader reader(given);
    CHECK(reader.array() == 3);
    CHECK(reader.uint() == kNotificationType);
    CHECK(reader.str() == name);
    check_decoding(reader, decoded, value);
}

template <typename Notification>
void check_notification(const Notification& value, const Expected& body, const Expected& frame) {
    Notification decoded;
    check_notification(Notification::kName, view(value), slot(decoded), body, frame);
}

#include "golden.inc"

}  // namespace
}  // namespace ugpt::rpc
