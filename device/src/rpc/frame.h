// Frames: 0x00, COBS(body, CRC-32 little-endian), 0x00. protocol/README.md specifies them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ugpt::rpc {

inline constexpr std::size_t kCrcBytes = 4;

// The size of a decoder's buffer for bodies of up to `body_bytes`.
[[nodiscard]] constexpr std::size_t decoder_capacity(std::size_t body_bytes) {
    return body_bytes + kCrcBytes;
}

// The longest frame around a body of `body_bytes`.
[[nodiscard]] constexpr std::size_t frame_capacity(std::size_t body_bytes) {
    const std::size_t data = body_bytes + kCrcBytes;
    return data + data / 254 + 1 + 2;
}

// Finds frames in a stream of bytes and decodes them into the caller's buffer as they arrive.
// Whatever is not a valid frame is passed over.
class FrameDecoder {
  public:
    // Junk between two zeros counts as one frame.
    struct Counters {
        std::uint32_t frames = 0;  // valid ones
        std::uint32_t bad_crc = 0;
        std::uint32_t malformed = 0;  // cut short, or too short to be a frame
        std::uint32_t too_long = 0;   // did not fit into the buffer
    };

    // `buffer` has decoder_capacity(largest body) bytes.
    explicit FrameDecoder(std::span<std::uint8_t> buffer) : buffer_(buffer) {}

    // Directs the next frame into another buffer. To be called between frames: before the first
    // `feed`, or after a `feed` that returned a body. A frame that arrives while the buffer is
    // empty counts as too long.
    void set_buffer(std::span<std::uint8_t> buffer);

    // Takes bytes up to the end of the first valid frame and returns how many were taken. `body` is
    // that frame's body, a view of the buffer, or empty if no valid frame ended.
    std::size_t feed(std::span<const std::uint8_t> in, std::span<const std::uint8_t>& body);

    [[nodiscard]] const Counters& counters() const { return counters_; }

  private:
    void start_frame();
    void append(std::span<const std::uint8_t> bytes);
    std::span<const std::uint8_t> finish_frame();

    std::span<std::uint8_t> buffer_;
    std::size_t size_ = 0;        // bytes decoded
    std::size_t block_left_ = 0;  // bytes until the next code byte
    bool zero_pending_ = false;   // a zero follows the block, unless the frame ends with it
    bool empty_ = true;           // nothing has come since the last 0x00
    bool overrun_ = false;
    Counters counters_;
};

// Encodes a frame in pieces, so that sending a large body takes no second large buffer.
class FrameEncoder {
  public:
    // `body` must stay as it is until the last piece has been made.
    explicit FrameEncoder(std::span<const std::uint8_t> body);

    // The next bytes of the frame, valid until the next call; empty after the last.
    std::span<const std::uint8_t> next();

  private:
    enum class State : std::uint8_t { start, blocks, done };

    [[nodiscard]] std::uint8_t data(std::size_t index) const;
    void put_block();

    std::span<const std::uint8_t> body_;
    std::array<std::uint8_t, kCrcBytes> crc_{};
    std::size_t position_ = 0;  // in the body and then the CRC
    State state_ = State::start;
    std::size_t piece_size_ = 0;
    std::array<std::uint8_t, 512> piece_{};
};

}  // namespace ugpt::rpc
