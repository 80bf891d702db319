// Adam's moments in less memory: as bfloat16, or as one byte a value with an exponent for each
// block.
//
// Both store an exponent and some leading bits of the fraction (and for the first moment a sign),
// so that small values keep their relative precision beside large ones. Values are rounded up or
// down by a fixed sequence that is spread evenly over all fractions ("dither"), so that many small
// changes add up to their sum on average. The sequence is deterministic.
//
// q8 stores E, the exponent of the largest value, for each block of 64. A byte has the lowest four
// bits of exponent - (E - 15) and the first bits of the fraction: four of them, or three and a
// sign. 0 is zero. A second moment above zero is never rounded to zero, because its root is a
// divisor.
//
// Both lie in whole words, the lowest bits of a word first, so that they can lie in memory that is
// read and written by such words only (engine/words.h).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "engine/config.h"
#include "engine/numeric/bits.h"
#include "engine/numeric/scalar_lanes.h"
#include "engine/train/adam_step.h"
#include "engine/words.h"

namespace ugpt::engine {

inline constexpr std::size_t kMomentBlock = 64;

enum class Moment : std::uint8_t { first, second };

// Values that share a word or an exponent. A range that is packed begins at a multiple of this.
constexpr std::size_t values_together(MomentFormat format) {
    switch (format) {
        case MomentFormat::f32:
            return 1;
        case MomentFormat::bf16:
            return 2;
        case MomentFormat::q8:
            return kMomentBlock;
    }
    return 1;
}

// Values that share no word with any other: in q8 the exponents of four blocks lie in one.
constexpr std::size_t values_in_words(MomentFormat format) {
    return format == MomentFormat::q8 ? 4 * kMomentBlock : values_together(format);
}

// Floats, or words, for `count` moments of one kind.
constexpr std::uint64_t moment_words(MomentFormat format, std::uint64_t count) {
    switch (format) {
        case MomentFormat::f32:
            return count;
        case MomentFormat::bf16:
            return (count + 1) / 2;
        case MomentFormat::q8:
            return (count + 3) / 4 + ((count + kMomentBlock - 1) / kMomentBlock + 3) / 4;
    }
    return 0;
}

// The moments of a matrix of one kind, as the recipe's format says.
union Moments {
    float* values = nullptr;  // f32
    Words words;              // all others
};

// How bits are rounded before they are cut: by adding half a unit of the last place that stays, or
// a fraction of a unit that depends on the index of the value and the step. Multiples of the golden
// ratio are spread evenly over both.
struct Dither {
    bool nearest = true;
    std::uint32_t step = 0;
};

namespace {

constexpr std::uint32_t kInfiniteBits = 0x7f800000u;

// What to add to the bits of the values from `begin` on, one after the other.
class DitherRun {
  public:
    DitherRun(const Dither& dither, Moment moment, std::size_t begin)
        : increment_(dither.nearest ? 0 : 2 * kGolden), spread_(0x80000000u) {
        if (!dither.nearest) {
            const auto i =
                static_cast<std::uint32_t>(2 * begin + (moment == Moment::first ? 0 : 1));
            spread_ = (i + dither.step * 0x85ebca6bu) * kGolden;
        }
    }
    [[gnu::always_inline]] std::uint32_t next(int dropped_bits) {
        const std::uint32_t added = spread_ >> (32 - dropped_bits);
        spread_ += increment_;
        return added;
    }

  private:
    static constexpr std::uint32_t kGolden = 0x9e3779b1u;
    std::uint32_t increment_;
    std::uint32_t spread_;
};

// Magnitudes below this are stored as zero.
constexpr std::uint32_t tiny_bits(Moment moment) {
    return moment == Moment::first ? std::bit_cast<std::uint32_t>(AdamStep::kTinyFirst)
                                   : std::bit_cast<std::uint32_t>(AdamStep::kTinySecond);
}

// The bits of a moment without its sign; a second moment has none.
constexpr std::uint32_t magnitude_of(Moment moment, std::uint32_t bits) {
    return moment == Moment::first ? bits & 0x7fffffffu : bits;
}

[[maybe_unused]] void unpack_bf16(Words words, std::size_t count, float* values) {
    const std::size_t pairs = count / 2;
    _Pragma("GCC unroll 4") for (std::size_t i = 0; i < pairs; ++i) {
        const std::uint32_t word = words.load(i);
        *values++ = float_of(word << 16);
        *values++ = float_of(word & 0xffff0000u);
    }
    if (count % 2 != 0) {
        *values = float_of(words.load(pairs) << 16);
    }
}

template <Moment kMoment>
[[gnu::always_inline]] inline std::uint32_t rounded_bf16(float value, DitherRun& dither) {
    constexpr std::uint32_t kTiny = tiny_bits(kMoment);
    const std::uint32_t added = dither.next(16);
    const std::uint32_t bits = bits_of(value);
    const std::uint32_t magnitude = magnitude_of(kMoment, bits);
    if (magnitude - kTiny < kInfiniteBits - kTiny) {
        return bits + added;
    }
    return magnitude < kTiny ? 0 : bits;
}

template <Moment kMoment>
void pack_bf16(Words words, std::size_t count, const float* values, DitherRun dither) {
    const std::size_t pairs = count / 2;
    for (std::size_t i = 0; i < pairs; ++i) {
        const std::uint32_t low = rounded_bf16<kMoment>(*values++, dither);
        const std::uint32_t high = rounded_bf16<kMoment>(*values++, dither);
        words.store(i, low >> 16 | (high & 0xffff0000u));
    }
    if (count % 2 != 0) {
        words.store(pairs, rounded_bf16<kMoment>(*values, dither) >> 16);
    }
}

// How the bits of a q8 byte correspond to those of a float.
template <Moment kMoment>
struct ByteFormat {
    static constexpr bool kSigned = kMoment == Moment::first;
    static constexpr int kDroppedBits = kSigned ? 20 : 19;        // of a float's fraction
    static constexpr std::int32_t kMost = kSigned ? 127 : 255;    // largest magnitude code
    static constexpr std::int32_t kExponents = kSigned ? 8 : 16;  // codes with the same exponent
    static constexpr std::int32_t kLeast = kSigned ? 0 : 1;  // smallest code of what is not zero

    // Added to a code, it gives the upper bits of a float.
    static std::int32_t base(std::uint32_t largest_exponent) {
        return (static_cast<std::int32_t>(largest_exponent) - 15) * kExponents;
    }
};

// The value of a byte.
template <Moment kMoment>
[[gnu::always_inline]] inline float value_of_byte(std::uint32_t byte, std::int32_t base) {
    using Format = ByteFormat<kMoment>;
    const std::uint32_t code = byte & static_cast<std::uint32_t>(Format::kMost);
    const auto upper = code + static_cast<std::uint32_t>(base);
    const std::uint32_t sign = (byte ^ code) << 24;
    return float_of(code == 0 ? 0 : upper << Format::kDroppedBits | sign);
}

template <Moment kMoment>
void unpack_q8(Words words, std::uint32_t exponent, std::size_t count, float* values) {
    const std::int32_t base = ByteFormat<kMoment>::base(exponent);
    const std::size_t fours = count / 4;
    for (std::size_t i = 0; i < fours; ++i) {
        const std::uint32_t word = words.load(i);
        UGPT_UNROLL for (int shift = 0; shift < 32; shift += 8) {
            *values++ = value_of_byte<kMoment>(word >> shift & 0xffu, base);
        }
    }
    count %= 4;
    for (std::uint32_t word = count > 0 ? words.load(fours) : 0; count > 0; --count) {
        *values++ = value_of_byte<kMoment>(word & 0xffu, base);
        word >>= 8;
    }
}

// The exponent of the largest of `count` values; 0 if all are tiny.
template <Moment kMoment>
std::uint32_t largest_exponent(const float* values, std::size_t count) {
    std::uint32_t largest = 0;
    _Pragma("GCC unroll 4") for (std::size_t left = count; left > 0; --left) {
        const std::uint32_t magnitude = magnitude_of(kMoment, bits_of(*values++));
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest < tiny_bits(kMoment) ? 0 : largest >> 23;
}

template <Moment kMoment>
[[gnu::always_inline]] inline std::uint32_t byte_of_value(float value, std::int32_t base,
                                                          DitherRun& dither) {
    using Format = ByteFormat<kMoment>;
    const std::uint32_t added = dither.next(Format::kDroppedBits);
    const std::uint32_t bits = bits_of(value);
    const std::uint32_t magnitude = magnitude_of(kMoment, bits);
    std::int32_t code =
        static_cast<std::int32_t>((magnitude + added) >> Format::kDroppedBits) - base;
    code = code < Format::kLeast ? Format::kLeast : code;
    code = code > Format::kMost ? Format::kMost : code;
    if (Format::kSigned) {
        return code == 0 ? 0 : static_cast<std::uint32_t>(code) | (bits ^ magnitude) >> 24;
    }
    return magnitude == 0 ? 0 : static_cast<std::uint32_t>(code);
}

// Not for a block whose values are all tiny: its exponent 0 says so.
template <Moment kMoment>
void pack_q8(Words words, std::uint32_t exponent, std::size_t count, const float* values,
             DitherRun dither) {
    const std::int32_t base = ByteFormat<kMoment>::base(exponent);
    const std::size_t fours = count / 4;
    for (std::size_t i = 0; i < fours; ++i) {
        std::uint32_t word = 0;
        UGPT_UNROLL for (int shift = 0; shift < 32; shift += 8) {
            word |= byte_of_value<kMoment>(*values++, base, dither) << shift;
        }
        words.store(i, word);
    }
    count %= 4;
    if (count > 0) {
        std::uint32_t word = 0;
        for (int shift = 0; count > 0; shift += 8, --count) {
            word |= byte_of_value<kMoment>(*values++, base, dither) << shift;
        }
        words.store(fours, word);
    }
}

// Where q8 stores the exponent of a block: behind the codes of the `total` values of the tensor.
struct ExponentPlace {
    std::size_t word;
    int shift;

    ExponentPlace(std::size_t total, std::size_t begin)
        : word((total + 3) / 4 + begin / kMomentBlock / 4),
          shift(static_cast<int>(begin / kMomentBlock % 4 * 8)) {}
};

// Values [begin, begin + count) of a tensor of `total` moments. `begin` is a multiple of
// values_together. In q8 they lie in one block, and packing sets the whole block: `count` reaches
// its end.
template <Moment kMoment>
void unpack_moments(MomentFormat format, Moments moments, std::size_t total, std::size_t begin,
                    std::size_t count, float* values) {
    switch (format) {
        case MomentFormat::f32:
            std::copy_n(moments.values + begin, count, values);
            break;
        case MomentFormat::bf16:
            unpack_bf16(moments.words.from(begin / 2), count, values);
            break;
        case MomentFormat::q8: {
            const ExponentPlace place(total, begin);
            const std::uint32_t exponent = moments.words.load(place.word) >> place.shift & 0xffu;
            unpack_q8<kMoment>(moments.words.from(begin / 4), exponent, count, values);
            break;
        }
    }
}

template <Moment kMoment>
void pack_moments(MomentFormat format, Moments moments, std::size_t total, std::size_t begin,
                  std::size_t count, const float* values, const Dither& dither) {
    const DitherRun run(dither, kMoment, begin);
    switch (format) {
        case MomentFormat::f32:
            std::copy_n(values, count, moments.values + begin);
            break;
        case MomentFormat::bf16:
            pack_bf16<kMoment>(moments.words.from(begin / 2), count, values, run);
            break;
        case MomentFormat::q8: {
            const ExponentPlace place(total, begin);
            const std::uint32_t exponent = largest_exponent<kMoment>(values, count);
            const std::uint32_t others = moments.words.load(place.word) & ~(0xffu << place.shift);
            moments.words.store(place.word, others | exponent << place.shift);
            const Words codes = moments.words.from(begin / 4);
            if (exponent == 0) {
                codes.clear((count + 3) / 4);
            } else {
                pack_q8<kMoment>(codes, exponent, count, values, run);
            }
            break;
        }
    }
}

}  // namespace
}  // namespace ugpt::engine
