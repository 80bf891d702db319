#include "rpc/msgpack.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace ugpt::rpc {

namespace {

// Format bytes, named as in the specification.
enum Format : std::uint8_t {
    kFixMap = 0x80,
    kFixArray = 0x90,
    kFixStr = 0xA0,
    kNil = 0xC0,
    kFalse = 0xC2,
    kTrue = 0xC3,
    kBin8 = 0xC4,
    kBin32 = 0xC6,
    kExt8 = 0xC7,
    kExt32 = 0xC9,
    kFloat32 = 0xCA,
    kFloat64 = 0xCB,
    kUint8 = 0xCC,
    kUint64 = 0xCF,
    kInt8 = 0xD0,
    kInt64 = 0xD3,
    kFixExt1 = 0xD4,
    kFixExt16 = 0xD8,
    kStr8 = 0xD9,
    kStr32 = 0xDB,
    kArray16 = 0xDC,
    kArray32 = 0xDD,
    kMap16 = 0xDE,
    kMap32 = 0xDF,
    kNegativeFixInt = 0xE0,
};

// Formats that differ in the width of what follows come in rows of 1, 2, 4 and 8 bytes.
constexpr int width(std::uint8_t format, Format first) {
    return 1 << (format - first);
}

float to_float(double value) {
    // A finite value beyond the range of float must not be converted: that is undefined.
    constexpr double kLargest = std::numeric_limits<float>::max();
    if (value > kLargest) {
        return std::numeric_limits<float>::infinity();
    }
    if (value < -kLargest) {
        return -std::numeric_limits<float>::infinity();
    }
    return static_cast<float>(value);
}

}  // namespace

void Reader::fail(ReadError error) {
    if (ok()) {
        error_ = error;
    }
    rest_ = {};
}

std::span<const std::uint8_t> Reader::take(std::uint64_t size_bytes) {
    if (size_bytes > rest_.size()) {
        fail(ReadError::cut_short);
        return {};
    }
    const auto taken = rest_.first(static_cast<std::size_t>(size_bytes));
    rest_ = rest_.subspan(taken.size());
    return taken;
}

std::uint8_t Reader::byte() {
    const auto taken = take(1);
    // Nil if there is none: nobody asks for that type.
    return taken.empty() ? std::uint8_t{kNil} : taken[0];
}

std::uint64_t Reader::big_endian(int size_bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : take(static_cast<std::uint64_t>(size_bytes))) {
        value = (value << 8) | byte;
    }
    return value;
}

std::int64_t Reader::sign_extended(int size_bytes) {
    const int unused_bits = 64 - 8 * size_bytes;
    return static_cast<std::int64_t>(big_endian(size_bytes) << unused_bits) >> unused_bits;
}

bool Reader::take_nil() {
    if (rest_.empty() || rest_[0] != kNil) {
        return false;
    }
    rest_ = rest_.subspan(1);
    return true;
}

bool Reader::boolean() {
    const std::uint8_t format = byte();
    if (format != kFalse && format != kTrue) {
        fail(ReadError::wrong_type);
    }
    return format == kTrue;
}

std::uint64_t Reader::uint() {
    const std::uint8_t format = byte();
    if (format < kFixMap) {
        return format;
    }
    if (format >= kUint8 && format <= kUint64) {
        return big_endian(width(format, kUint8));
    }
    if (format >= kInt8 && format <= kInt64) {
        const std::int64_t value = sign_extended(width(format, kInt8));
        if (value >= 0) {
            return static_cast<std::uint64_t>(value);
        }
        fail(ReadError::negative);
    }
    fail(format >= kNegativeFixInt ? ReadError::negative : ReadError::wrong_type);
    return 0;
}

float Reader::f32() {
    const std::uint8_t format = byte();
    if (format == kFloat32) {
        return std::bit_cast<float>(static_cast<std::uint32_t>(big_endian(4)));
    }
    if (format == kFloat64) {
        return to_float(std::bit_cast<double>(big_endian(8)));
    }
    if (format < kFixMap) {
        return format;
    }
    if (format >= kNegativeFixInt) {
        return static_cast<float>(static_cast<std::int8_t>(format));
    }
    if (format >= kUint8 && format <= kUint64) {
        return static_cast<float>(big_endian(width(format, kUint8)));
    }
    if (format >= kInt8 && format <= kInt64) {
        return static_cast<float>(sign_extended(width(format, kInt8)));
    }
    fail(ReadError::wrong_type);
    return 0.0f;
}

std::string_view Reader::str() {
    const std::uint8_t format = byte();
    std::uint64_t size_bytes = 0;
    if (format >= kFixStr && format < kNil) {
        size_bytes = format - kFixStr;
    } else if (format >= kStr8 && format <= kStr32) {
        size_bytes = big_endian(width(format, kStr8));
    } else {
        fail(ReadError::wrong_type);
    }
    const auto taken = take(size_bytes);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
}

std::span<const std::uint8_t> Reader::bin() {
    if (!rest_.empty() && rest_[0] >= kBin8 && rest_[0] <= kBin32) {
        const std::uint8_t format = byte();
        return take(big_endian(width(format, kBin8)));
    }
    const std::string_view text = str();
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::size_t Reader::array() {
    const std::uint8_t format = byte();
    std::uint64_t count = 0;
    if (format >= kFixArray && format < kFixStr) {
        count = format - kFixArray;
    } else if (format == kArray16 || format == kArray32) {
        count = big_endian(format == kArray16 ? 2 : 4);
    } else {
        fail(ReadError::wrong_type);
    }
    // Every item takes at least one byte, so a count beyond that is a lie.
    if (count > rest_.size()) {
        fail(ReadError::cut_short);
        return 0;
    }
    return static_cast<std::size_t>(count);
}

void Reader::skip() {
    skip_value(kMaxDepth);
}

void Reader::skip_items(std::uint64_t count, int depth) {
    if (depth == 0 && count > 0) {
        fail(ReadError::too_deep);
    }
    for (; count > 0 && ok(); --count) {
        skip_value(depth - 1);
    }
}

void Reader::skip_value(int depth) {
    const std::uint8_t format = byte();
    if (format < kFixMap || format >= kNegativeFixInt || format == kFalse || format == kTrue ||
        format == kNil) {
        return;
    }
    if (format < kFixArray) {
        skip_items(2 * std::uint64_t{format} - 2 * std::uint64_t{kFixMap}, depth);
    } else if (format < kFixStr) {
        skip_items(format - std::uint64_t{kFixArray}, depth);
    } else if (format < kNil) {
        take(format - std::uint64_t{kFixStr});
    } else if (format >= kBin8 && format <= kBin32) {
        take(big_endian(width(format, kBin8)));
    } else if (format >= kExt8 && format <= kExt32) {
        take(big_endian(width(format, kExt8)) + 1);
    } else if (format == kFloat32 || format == kFloat64) {
        take(format == kFloat32 ? 4 : 8);
    } else if (format >= kUint8 && format <= kUint64) {
        take(static_cast<std::uint64_t>(width(format, kUint8)));
    } else if (format >= kInt8 && format <= kInt64) {
        take(static_cast<std::uint64_t>(width(format, kInt8)));
    } else if (format >= kFixExt1 && format <= kFixExt16) {
        take(static_cast<std::uint64_t>(width(format, kFixExt1)) + 1);
    } else if (format >= kStr8 && format <= kStr32) {
        take(big_endian(width(format, kStr8)));
    } else if (format == kArray16 || format == kArray32) {
        skip_items(big_endian(format == kArray16 ? 2 : 4), depth);
    } else if (format == kMap16 || format == kMap32) {
        skip_items(2 * big_endian(format == kMap16 ? 2 : 4), depth);
    } else {
        fail(ReadError::wrong_type);  // 0xC1, which the specification never uses
    }
}

std::span<std::uint8_t> Writer::space(std::size_t size_bytes) {
    if (!ok_ || size_bytes > out_.size() - size_) {
        ok_ = false;
        return {};
    }
    const auto room = out_.subspan(size_, size_bytes);
    size_ += size_bytes;
    return room;
}

void Writer::put(std::uint8_t byte) {
    const auto room = space(1);
    if (!room.empty()) {
        room[0] = byte;
    }
}

void Writer::put_big_endian(std::uint64_t value, int size_bytes) {
    int shift = 8 * size_bytes;
    for (std::uint8_t& byte : space(static_cast<std::size_t>(size_bytes))) {
        shift -= 8;
        byte = static_cast<std::uint8_t>(value >> shift);
    }
}

void Writer::put_shortest(std::uint8_t first, std::uint64_t value) {
    const int step = (value > 0xFF) + (value > 0xFFFF) + (value > 0xFFFFFFFF);
    put(static_cast<std::uint8_t>(first + step));
    put_big_endian(value, 1 << step);
}

void Writer::nil() {
    put(kNil);
}

void Writer::boolean(bool value) {
    put(value ? kTrue : kFalse);
}

void Writer::uint(std::uint64_t value) {
    if (value < kFixMap) {
        put(static_cast<std::uint8_t>(value));
    } else {
        put_shortest(kUint8, value);
    }
}

void Writer::f32(float value) {
    put(kFloat32);
    put_big_endian(std::bit_cast<std::uint32_t>(value), 4);
}

void Writer::str(std::string_view text) {
    if (text.size() < 32) {
        put(static_cast<std::uint8_t>(kFixStr + text.size()));
    } else {
        put_shortest(kStr8, text.size());
    }
    raw({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void Writer::bin(std::span<const std::uint8_t> bytes) {
    const auto room = bin_space(bytes.size());
    std::ranges::copy(bytes.first(room.size()), room.begin());
}

std::span<std::uint8_t> Writer::bin_space(std::size_t size_bytes) {
    put_shortest(kBin8, size_bytes);
    return space(size_bytes);
}

void Writer::array(std::size_t count) {
    if (count < 16) {
        put(static_cast<std::uint8_t>(kFixArray + count));
    } else if (count <= 0xFFFF) {
        put(kArray16);
        put_big_endian(count, 2);
    } else {
        put(kArray32);
        put_big_endian(count, 4);
    }
}

void Writer::raw(std::span<const std::uint8_t> encoded) {
    const auto room = space(encoded.size());
    std::ranges::copy(encoded.first(room.size()), room.begin());
}

}  // namespace ugpt::rpc
