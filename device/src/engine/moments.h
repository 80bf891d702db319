// Adam's moments in less memory: as bfloat16, or as one byte a value with an exponent for each block.
//
// Both keep a sign bit for the first moment only, an exponent and some leading bits of the
// fraction, so that small values keep their relative precision beside large ones. Values are
// rounded up or down by a fixed sequence that visits all fractions evenly ("dither"), so that many
// small changes add up to what they should; packing is as deterministic as everything else.
//
// q8, per block of 64 values: E, the exponent of the largest, is kept; a byte then holds the lowest
// four bits of exponent - (E - 15) and the first bits of the fraction, four of them or three and a
// sign. 0 stands for zero; a second moment that is not zero does not become it, as its root divides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/adam_step.h"
#include "engine/bits.h"
#include "engine/config.h"

namespace ugpt::engine {

inline constexpr std::size_t kMomentBlock = 64;

enum class Moment : std::uint8_t { first, second };

// Bytes for `count` moments of one kind.
constexpr std::uint64_t moment_bytes(MomentFormat format, std::uint64_t count) {
    switch (format) {
        case MomentFormat::f32: return 4 * count;
        case MomentFormat::bf16: return 2 * count;
        case MomentFormat::q8: return count + (count + kMomentBlock - 1) / kMomentBlock;
    }
    return 0;
}

namespace {

constexpr std::uint32_t kMagnitude = 0x7fffffffu;
constexpr std::uint32_t kInfiniteBits = 0x7f800000u;

// What is added to bits before they are cut: half of the last place that stays, or a fraction of it
// that depends on the value's index and the step. Multiples of the golden ratio are spread evenly
// over both.
struct Dither {
    bool nearest = true;
    std::uint32_t step = 0;

    [[nodiscard]] std::uint32_t at(std::size_t index, Moment moment, int dropped_bits) const {
        const auto i = static_cast<std::uint32_t>(2 * index + (moment == Moment::first ? 0 : 1));
        const std::uint32_t spread = (i + step * 0x85ebca6bu) * 0x9e3779b1u;
        return (nearest ? 0x80000000u : spread) >> (32 - dropped_bits);
    }
};

// Magnitudes below this are kept as zero.
constexpr std::uint32_t tiny_bits(Moment moment) {
    return moment == Moment::first ? std::bit_cast<std::uint32_t>(AdamStep::kTinyFirst)
                                   : std::bit_cast<std::uint32_t>(AdamStep::kTinySecond);
}

[[maybe_unused]] void unpack_bf16(const std::byte* packed, std::size_t begin, std::size_t count,
                                  float* values) {
    for (std::size_t i = 0; i < count; ++i) {
        std::uint16_t half;
        std::memcpy(&half, packed + 2 * (begin + i), sizeof half);
        values[i] = float_of(static_cast<std::uint32_t>(half) << 16);
    }
}

[[maybe_unused]] void pack_bf16(std::byte* packed, Moment moment, std::size_t begin,
                                std::size_t count, const float* values, const Dither& dither) {
    for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t bits = bits_of(values[i]);
        const std::uint32_t magnitude = bits & kMagnitude;
        if (magnitude < tiny_bits(moment)) {
            bits = 0;
        } else if (magnitude < kInfiniteBits) {
            bits += dither.at(begin + i, moment, 16);
        }
        const auto half = static_cast<std::uint16_t>(bits >> 16);
        std::memcpy(packed + 2 * (begin + i), &half, sizeof half);
    }
}

// How the bits of a q8 byte are the bits of a float.
struct ByteFormat {
    int dropped_bits;         // of a float's fraction
    std::int32_t most;        // largest magnitude code
    std::int32_t exponents;   // codes with the same exponent
    std::int32_t least;       // smallest code of what is not zero

    static constexpr ByteFormat of(Moment moment) {
        return moment == Moment::first ? ByteFormat{20, 127, 8, 0} : ByteFormat{19, 255, 16, 1};
    }
    // What is added to a code to make it the upper bits of a float.
    [[nodiscard]] std::int32_t base(std::uint32_t largest_exponent) const {
        return (static_cast<std::int32_t>(largest_exponent) - 15) * exponents;
    }
};

// Blocks begin at multiples of kMomentBlock; `begin` is one. `total` is the tensor's size: the
// exponents lie behind its codes.
[[maybe_unused]] void unpack_q8(const std::byte* packed, Moment moment, std::size_t total,
                                std::size_t begin, std::size_t count, float* values) {
    const ByteFormat format = ByteFormat::of(moment);
    const auto exponent = static_cast<std::uint32_t>(packed[total + begin / kMomentBlock]);
    const std::int32_t base = format.base(exponent);
    for (std::size_t i = 0; i < count; ++i) {
        const auto byte = static_cast<std::uint32_t>(packed[begin + i]);
        const std::uint32_t code = byte & static_cast<std::uint32_t>(format.most);
        const std::uint32_t sign = (byte ^ code) << 24;
        const auto upper = static_cast<std::uint32_t>(static_cast<std::int32_t>(code) + base);
        values[i] = float_of(code == 0 ? 0 : (upper << format.dropped_bits) | sign);
    }
}

[[maybe_unused]] void pack_q8(std::byte* packed, Moment moment, std::size_t total,
                              std::size_t begin, std::size_t count, const float* values,
                              const Dither& dither) {
    const ByteFormat format = ByteFormat::of(moment);
    std::uint32_t largest = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t magnitude = bits_of(values[i]) & kMagnitude;
        largest = magnitude > largest ? magnitude : largest;
    }
    const std::uint32_t exponent = largest < tiny_bits(moment) ? 0 : largest >> 23;
    packed[total + begin / kMomentBlock] = static_cast<std::byte>(exponent);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t bits = bits_of(values[i]);
        const std::uint32_t magnitude = bits & kMagnitude;
        const std::uint32_t rounded =
            magnitude + dither.at(begin + i, moment, format.dropped_bits);
        std::int32_t code = static_cast<std::int32_t>(rounded >> format.dropped_bits) -
                            format.base(exponent);
        code = code < format.least ? format.least : code;
        code = code > format.most ? format.most : code;
        code = exponent == 0 || magnitude == 0 || code < 0 ? 0 : code;
        const std::uint32_t sign = moment == Moment::first ? (bits >> 31) << 7 : 0;
        packed[begin + i] =
            static_cast<std::byte>(code == 0 ? 0 : static_cast<std::uint32_t>(code) | sign);
    }
}

// Values [begin, begin + count) of a tensor of `total` moments. In q8 they must lie in one block,
// and packing them sets the whole block: `begin` is its beginning and `count` reaches its end.
[[maybe_unused]] void unpack_moments(MomentFormat format, const std::byte* packed, Moment moment,
                                     std::size_t total, std::size_t begin, std::size_t count,
                                     float* values) {
    switch (format) {
        case MomentFormat::f32: std::memcpy(values, packed + 4 * begin, 4 * count); break;
        case MomentFormat::bf16: unpack_bf16(packed, begin, count, values); break;
        case MomentFormat::q8:
            unpack_q8(packed, moment, total, begin, count, values);
            break;
    }
}

[[maybe_unused]] void pack_moments(MomentFormat format, std::byte* packed, Moment moment,
                                   std::size_t total, std::size_t begin, std::size_t count,
                                   const float* values, const Dither& dither) {
    switch (format) {
        case MomentFormat::f32: std::memcpy(packed + 4 * begin, values, 4 * count); break;
        case MomentFormat::bf16: pack_bf16(packed, moment, begin, count, values, dither); break;
        case MomentFormat::q8:
            pack_q8(packed, moment, total, begin, count, values, dither);
            break;
    }
}

}  // namespace
}  // namespace ugpt::engine
