// What happens between products: normalisation, the gate of the MLP, rounding to integers.
#pragma once

#include "engine/infer/kernels.h"
#include "engine/infer/power_of_two.h"
#include "engine/numeric/math.h"

namespace ugpt::engine::infer {
namespace {

// y = x scale gains with scale = (mean(x^2) + epsilon)^-1/2
template <class Lanes>
void norm(const float* x, const float* gains, float epsilon, float* y, std::size_t width) {
    float squares = 0.0f;
    for (std::size_t i = 0; i < width; ++i) {
        squares = fma(x[i], x[i], squares);
    }
    const float inverse_width = reciprocal<ScalarLanes>(static_cast<float>(width));
    const auto scale = Lanes::all(inverse_root<ScalarLanes>(fma(squares, inverse_width, epsilon)));
    for (std::size_t i = 0; i < width; i += Lanes::kWidth) {
        Lanes::store(y + i,
                     Lanes::mul(Lanes::mul(Lanes::load(x + i), scale), Lanes::load(gains + i)));
    }
}

// gate = gate sigmoid(gate) up. Below -86 the sigmoid stays what it is there.
template <class Lanes>
void swiglu(float* gate, const float* up, Blocks blocks) {
    const auto zero = Lanes::all(0.0f), one = Lanes::all(1.0f), least = Lanes::all(-86.0f);
    const Exponential<Lanes> exponential;
    const std::size_t end = (blocks.first + blocks.count) * kBlockRows;
    for (std::size_t i = blocks.first * kBlockRows; i < end; i += Lanes::kWidth) {
        const auto x = Lanes::load(gate + i);
        const auto bounded = Lanes::max(x, least);
        const auto sigmoid =
            reciprocal<Lanes>(Lanes::add(one, exponential(Lanes::sub(zero, bounded))));
        Lanes::store(gate + i, Lanes::mul(Lanes::mul(x, sigmoid), Lanes::load(up + i)));
    }
}

struct InOrder {
    UGPT_LANE std::size_t place(std::size_t i) { return i; }
};
// Of every four integers, the second and the third change places.
struct EvenFirst {
    UGPT_LANE std::size_t place(std::size_t i) {
        return (i & ~std::size_t{3}) | (i & 1) << 1 | (i & 2) >> 1;
    }
};

// Writes a vector of keys or values to its cache, neighbours `step` places apart. Returns the unit.
inline float cache(const float* vector, std::size_t width, std::int16_t* place, std::size_t step) {
    const PowerOfTwo power = power_of_two_for(largest_bits(vector, width));
    const bool finite = power.units != 0.0f;
    for (std::size_t i = 0; i < width; ++i) {
        place[i * step] = static_cast<std::int16_t>(finite ? short_of(vector[i], power.units) : 0);
    }
    return power.unit;
}

// Rounds finite values [begin, end); returns the sum of the integers. In fours, so that the order
// of a four costs nothing.
template <class Order>
UGPT_LANE std::int32_t round_values(Input& input, float units, std::size_t begin, std::size_t end) {
    const float* values = input.values;
    std::int16_t* shorts = input.shorts;
    std::int32_t sum = 0;
    std::size_t i = begin;
    for (; i + 4 <= end; i += 4) {
        UGPT_UNROLL for (std::size_t k = 0; k < 4; ++k) {
            const std::int32_t value = short_of(values[i + k], units);
            shorts[i + Order::place(k)] = static_cast<std::int16_t>(value);
            sum += value;
        }
    }
    for (; i < end; ++i) {
        const std::int32_t value = short_of(values[i], units);
        shorts[Order::place(i)] = static_cast<std::int16_t>(value);
        sum += value;
    }
    return sum;
}

template <class Order>
void quantise(Input& input, std::size_t width) {
    const PowerOfTwo power = power_of_two_for(largest_bits(input.values, width));
    input.unit = power.unit;
    // Without a finite unit the values may be anything, and so may what their rounding would give.
    const bool finite = power.units != 0.0f;
    for (std::size_t group = 0, begin = 0; begin < width; ++group, begin += kGroupColumns) {
        const std::size_t end = width - begin < kGroupColumns ? width : begin + kGroupColumns;
        input.group_sums[group] = finite ? round_values<Order>(input, power.units, begin, end) : 0;
    }
    for (std::size_t i = finite ? width : 0; i < width || i % kPadding != 0; ++i) {
        input.shorts[Order::place(i)] = 0;
    }
}

}  // namespace
}  // namespace ugpt::engine::infer
