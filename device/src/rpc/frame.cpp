#include "rpc/frame.h"

#include <algorithm>
#include <cstring>

#include "base/crc32.h"

namespace ugpt::rpc {

namespace {

constexpr std::size_t kLongestBlock = 254;

std::uint32_t little_endian(std::span<const std::uint8_t, kCrcBytes> bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < kCrcBytes; ++i) {
        value |= static_cast<std::uint32_t>(bytes[i]) << (8 * i);
    }
    return value;
}

}  // namespace

void FrameDecoder::set_buffer(std::span<std::uint8_t> buffer) {
    buffer_ = buffer;
    start_frame();
}

void FrameDecoder::start_frame() {
    size_ = 0;
    block_left_ = 0;
    zero_pending_ = false;
    empty_ = true;
    overrun_ = false;
}

void FrameDecoder::append(std::span<const std::uint8_t> bytes) {
    if (overrun_ || bytes.size() > buffer_.size() - size_) {
        overrun_ = true;
        return;
    }
    std::ranges::copy(bytes, buffer_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += bytes.size();
}

std::span<const std::uint8_t> FrameDecoder::finish_frame() {
    const bool empty = empty_;
    const bool overrun = overrun_;
    const bool whole = block_left_ == 0 && size_ > kCrcBytes;
    const auto data = buffer_.first(size_);
    start_frame();
    if (empty) {
        return {};  // the end of one frame and the start of the next
    }
    if (overrun) {
        ++counters_.too_long;
        return {};
    }
    if (!whole) {
        ++counters_.malformed;
        return {};
    }
    const auto body = data.first(data.size() - kCrcBytes);
    if (base::crc32(body) != little_endian(data.last<kCrcBytes>())) {
        ++counters_.bad_crc;
        return {};
    }
    ++counters_.frames;
    return body;
}

std::size_t FrameDecoder::feed(std::span<const std::uint8_t> in,
                               std::span<const std::uint8_t>& body) {
    static constexpr std::uint8_t kZero[] = {0};
    body = {};
    std::size_t taken = 0;
    while (taken < in.size() && body.empty()) {
        const std::uint8_t byte = in[taken];
        if (byte == 0) {
            ++taken;
            body = finish_frame();
        } else if (block_left_ == 0) {
            ++taken;
            empty_ = false;
            if (zero_pending_) {
                append(kZero);
            }
            block_left_ = byte - std::size_t{1};
            zero_pending_ = block_left_ < kLongestBlock;
        } else {
            const auto block = in.subspan(taken, std::min(block_left_, in.size() - taken));
            const void* zero = std::memchr(block.data(), 0, block.size());
            const auto run = zero == nullptr
                                 ? block
                                 : block.first(static_cast<std::size_t>(
                                       static_cast<const std::uint8_t*>(zero) - block.data()));
            append(run);
            block_left_ -= run.size();
            taken += run.size();
        }
    }
    return taken;
}

FrameEncoder::FrameEncoder(std::span<const std::uint8_t> body) : body_(body) {
    const std::uint32_t crc = base::crc32(body);
    for (std::size_t i = 0; i < kCrcBytes; ++i) {
        crc_[i] = static_cast<std::uint8_t>(crc >> (8 * i));
    }
}

std::span<const std::uint8_t> FrameEncoder::next() {
    piece_size_ = 0;
    if (state_ == State::start) {
        piece_[piece_size_++] = 0;
        state_ = State::blocks;
    }
    // A code byte, a whole block and the closing zero must have room.
    while (state_ == State::blocks && piece_.size() - piece_size_ >= kLongestBlock + 2) {
        put_block();
    }
    return std::span(piece_).first(piece_size_);
}

std::uint8_t FrameEncoder::data(std::size_t index) const {
    return index < body_.size() ? body_[index] : crc_[index - body_.size()];
}

// Writes the bytes up to the next zero, after one byte that says how many. The zero itself is what
// the end of a block stands for, except after a block of 254 and at the end of the frame.
void FrameEncoder::put_block() {
    const std::size_t data_size = body_.size() + kCrcBytes;
    const std::size_t code_at = piece_size_++;
    std::size_t length = 0;
    while (length < kLongestBlock && position_ < data_size && data(position_) != 0) {
        piece_[piece_size_++] = data(position_++);
        ++length;
    }
    piece_[code_at] = static_cast<std::uint8_t>(length + 1);
    const bool ended = position_ == data_size;
    if (!ended && length < kLongestBlock) {
        ++position_;  // the zero; one that ends the data leaves an empty block to come
    } else if (ended) {
        piece_[piece_size_++] = 0;
        state_ = State::done;
    }
}

}  // namespace ugpt::rpc
