// What must hold of the decoders whatever bytes come: random ones in test_fuzz.cpp, and those that
// a fuzzer finds in tests/fuzz.
#pragma once

#include <algorithm>
#include <vector>

#include "bytes.h"
#include "rpc/encode_frame.h"
#include "rpc/envelope.h"

namespace ugpt::rpc {

// What is accepted survives being encoded and decoded again. `message` and `same` have the type's
// defaults.
[[nodiscard]] inline bool is_refused_or_returns(Reader reader, MessageSlot message,
                                                MessageSlot same) {
    FieldError error;
    if (!decode_fields(reader, message, error)) return error.fault != FieldFault::none;
    Bytes room(2 * kFrameMaxBytes);
    Writer writer(room);
    encode_fields(writer, {message.layout, message.bytes});
    const Bytes once = copy(writer.written());
    Reader again(once);
    if (error.fault != FieldFault::none || !writer.ok() || !decode_fields(again, same, error))
        return false;
    Bytes second_room(2 * kFrameMaxBytes);
    Writer second(second_room);
    encode_fields(second, {same.layout, same.bytes});
    return equal(second.written(), once);
}

template <typename Message>
[[nodiscard]] bool is_refused_or_returns(Reader reader) {
    Message message, same;
    return is_refused_or_returns(reader, slot(message), slot(same));
}

[[nodiscard]] inline bool every_message_is_refused_or_returns(Reader reader) {
    bool holds = true;
#define UGPT_MESSAGE(Message) holds = is_refused_or_returns<Message>(reader) && holds;
#include "every_message.inc"
#undef UGPT_MESSAGE
    return holds;
}

// All bodies that a decoder finds when it is fed `piece_size` bytes at a time.
[[nodiscard]] inline std::vector<Bytes> bodies(FrameDecoder& decoder, const Bytes& stream,
                                               std::size_t piece_size) {
    std::vector<Bytes> found;
    for (std::size_t start = 0; start < stream.size(); start += piece_size) {
        const Bytes piece =
            copy(std::span(stream).subspan(start, std::min(piece_size, stream.size() - start)));
        std::span<const std::uint8_t> rest = piece;
        while (!rest.empty()) {
            std::span<const std::uint8_t> body;
            rest = rest.subspan(decoder.feed(rest, body));
            if (!body.empty()) found.push_back(copy(body));
        }
    }
    return found;
}

// The pieces in which a stream comes change nothing, and a frame that follows it is found.
[[nodiscard]] inline bool frames_are_found(Bytes stream, std::size_t piece_size) {
    constexpr std::size_t kBodyBytes = 100;
    const Bytes next = from_hex("940001a470696e6791c400");
    Bytes frame(frame_capacity(next.size()));
    frame.resize(encode_frame(next, frame));
    stream.insert(stream.end(), frame.begin(), frame.end());
    Bytes buffer(decoder_capacity(kBodyBytes));
    FrameDecoder decoder(buffer);
    Bytes other_buffer(decoder_capacity(kBodyBytes));
    FrameDecoder other(other_buffer);
    const std::vector<Bytes> found = bodies(decoder, stream, stream.size());
    return !found.empty() && found.back() == next && found == bodies(other, stream, piece_size);
}

// A body comes out of its frame as it went in.
[[nodiscard]] inline bool body_returns(const Bytes& body) {
    Bytes frame(frame_capacity(body.size()));
    const std::size_t size = encode_frame(body, frame);
    frame.resize(size);
    Bytes buffer(decoder_capacity(body.size()));
    FrameDecoder decoder(buffer);
    const std::vector<Bytes> found = bodies(decoder, frame, frame.size());
    return size > 0 && found.size() == 1 && found.front() == body;
}

}  // namespace ugpt::rpc
