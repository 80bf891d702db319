// MessagePack (github.com/msgpack/msgpack/blob/master/spec.md) as far as the protocol needs it:
// everything can be skipped; nil, bool, unsigned integers, float, str, bin and array can be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ugpt::rpc {

enum class ReadError : std::uint8_t {
    none,
    cut_short,  // the value reaches beyond the end
    wrong_type,
    negative,  // an integer below zero, which the field excludes
    too_deep,  // skipping met more than kMaxDepth nested arrays and maps
};

// A cursor over a body. The first failure sticks: every later read returns nothing and leaves the
// error as it is, so that a caller may check once at the end.
class Reader {
  public:
    static constexpr int kMaxDepth = 8;

    Reader() = default;
    explicit Reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

    [[nodiscard]] bool ok() const { return error_ == ReadError::none; }
    [[nodiscard]] ReadError error() const { return error_; }
    // What has not been read.
    [[nodiscard]] std::span<const std::uint8_t> rest() const { return rest_; }

    // Takes a nil if one comes next; anything else is left in place.
    bool take_nil();
    bool boolean();
    // Any width of encoding, signed or not, as long as the value is not negative.
    std::uint64_t uint();
    // float32, float64 (rounded to nearest) or an integer.
    float f32();
    std::string_view str();
    // Also takes a str: some encoders know only one type for both.
    std::span<const std::uint8_t> bin();
    // The number of items that follow. It is at most the number of bytes that follow.
    std::size_t array();
    // One value of any type, with all it contains.
    void skip();

  private:
    std::uint8_t byte();
    std::uint64_t big_endian(int size_bytes);
    std::span<const std::uint8_t> take(std::uint64_t size_bytes);
    std::int64_t sign_extended(int size_bytes);
    void skip_value(int depth);
    void skip_items(std::uint64_t count, int depth);
    void fail(ReadError error);

    std::span<const std::uint8_t> rest_;
    ReadError error_ = ReadError::none;
};

// Writes the shortest encoding of each value. What does not fit is not written, and `ok` is false
// from then on.
class Writer {
  public:
    explicit Writer(std::span<std::uint8_t> out) : out_(out) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::span<const std::uint8_t> written() const { return out_.first(size_); }

    void nil();
    void boolean(bool value);
    void uint(std::uint64_t value);
    void f32(float value);
    void str(std::string_view text);
    void bin(std::span<const std::uint8_t> bytes);
    // Room for a bin that the caller fills at once; empty if it does not fit.
    std::span<std::uint8_t> bin_space(std::size_t size_bytes);
    // Starts an array; its items are written next.
    void array(std::size_t count);
    // Values that are encoded already.
    void raw(std::span<const std::uint8_t> encoded);

  private:
    void put(std::uint8_t byte);
    void put_big_endian(std::uint64_t value, int size_bytes);
    // A format of the row that begins with `first`, and the value in the fewest bytes.
    void put_shortest(std::uint8_t first, std::uint64_t value);
    std::span<std::uint8_t> space(std::size_t size_bytes);

    std::span<std::uint8_t> out_;
    std::size_t size_ = 0;
    bool ok_ = true;
};

}  // namespace ugpt::rpc
