// Where the tokens of the highest ranks end. What is added up here are whole numbers, so the order
// of a sum does not matter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/numeric/bits.h"
#include "engine/sampling/sampler.h"

namespace ugpt::engine {

// Integers in the order of floats. Both zeros have the same key, and NaN the lowest.
inline constexpr std::uint32_t kSignBit = 0x80000000u;
inline std::uint32_t key_of(float x) {
    if (x != x) return 0;
    const std::uint32_t bits = bits_of(x + 0.0f);  // -0 becomes +0
    return (bits & kSignBit) != 0 ? ~bits : bits | kSignBit;
}
inline float float_of_key(std::uint32_t key) {
    return float_of((key & kSignBit) != 0 ? key ^ kSignBit : ~key);
}

// Tokens of the highest ranks: those with larger keys, and the first `equals` of those with `key`.
// To begin with, all.
struct Cut {
    std::uint32_t key = 0;
    std::size_t equals = SIZE_MAX;

    [[nodiscard]] bool leaves_all() const { return key == 0 && equals == SIZE_MAX; }
};

// Says of one token after the other, in ascending order, whether it belongs to a cut.
class Members {
  public:
    explicit Members(const Cut& cut) : cut_(cut) {}

    bool take(std::uint32_t key) {
        if (key != cut_.key) return key > cut_.key;
        if (cut_.equals == 0) return false;
        --cut_.equals;
        return true;
    }

  private:
    Cut cut_;
};

// Some tokens that have one key.
struct Equals {
    std::uint32_t key = 0;
    std::size_t count = 0;
};

// The highest keys that were added, in falling order.
class HighestKeys {
  public:
    void add(std::uint32_t key) {
        if (used_ == keys_.size() && key < keys_.back().key) return;
        std::size_t at = used_;
        while (at > 0 && keys_[at - 1].key < key) --at;
        if (at > 0 && keys_[at - 1].key == key) {
            ++keys_[at - 1].count;
            return;
        }
        if (used_ < keys_.size()) ++used_;
        for (std::size_t i = used_ - 1; i > at; --i) keys_[i] = keys_[i - 1];
        keys_[at] = {key, 1};
    }

    [[nodiscard]] std::span<const Equals> all() const { return {keys_.data(), used_}; }

  private:
    std::array<Equals, 16> keys_;
    std::size_t used_ = 0;
};

// Enough tokens of a key, each with the mass `each`, to reach `wanted`.
inline Cut cut_within(const Equals& equals, std::uint64_t wanted, std::uint64_t each) {
    return {equals.key, static_cast<std::size_t>((wanted + each - 1) / each)};
}

// The fewest tokens of `cut` with the highest ranks whose masses reach `wanted`, from 1 to the sum
// of all. `mass` is a function of the logit. Finds the key of the last of them digit by digit.
template <class Mass>
Cut shortened_by_digits(const Cut& cut, const Logits& logits, std::uint64_t wanted,
                        const Mass& mass) {
    constexpr int kDigitBits = 4;
    std::uint32_t found = 0;  // the digits so far
    for (int shift = 32 - kDigitBits; shift >= 0; shift -= kDigitBits) {
        const auto digits_above = [&](std::uint64_t key) { return key >> (shift + kDigitBits); };
        std::array<std::uint64_t, 1 << kDigitBits> sums{};
        Members members(cut);
        for (std::size_t v = 0; v < logits.count; ++v) {
            const std::uint32_t key = key_of(logits[v]);
            if (members.take(key) && digits_above(key) == digits_above(found))
                sums[key >> shift & (sums.size() - 1)] += mass(logits[v]);
        }
        std::uint32_t digit = sums.size() - 1;
        for (; digit > 0 && sums[digit] < wanted; --digit) wanted -= sums[digit];
        found |= digit << shift;
    }
    return cut_within({found}, wanted, mass(float_of_key(found)));
}

// The same. Few tokens have most of the mass as a rule, so the highest keys are looked at first.
template <class Mass>
Cut shorten(const Cut& cut, const Logits& logits, std::uint64_t wanted, const Mass& mass) {
    HighestKeys highest;
    Members members(cut);
    for (std::size_t v = 0; v < logits.count; ++v) {
        const std::uint32_t key = key_of(logits[v]);
        if (members.take(key)) highest.add(key);
    }
    std::uint64_t missing = wanted;
    for (const Equals& equals : highest.all()) {
        const std::uint64_t each = mass(float_of_key(equals.key));
        if (each * equals.count >= missing) return cut_within(equals, missing, each);
        missing -= each * equals.count;
    }
    return shortened_by_digits(cut, logits, wanted, mass);
}

}  // namespace ugpt::engine
