// What a training step may change, to be compared bit for bit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "engine/numeric/bits.h"
#include "engine/train.h"

namespace ugpt::engine {

// All weights and moments as bits.
inline std::vector<std::uint32_t> state_of(const Model& model) {
    std::vector<std::uint32_t> bits;
    for (std::size_t i = 0; i < model.parameter_count(); ++i) {
        for (const TensorKind kind :
             {TensorKind::weights, TensorKind::first_moment, TensorKind::second_moment}) {
            std::vector<float> values(model.parameter(i).size());
            model.read(model.parameter(i), kind, 0, values);
            std::ranges::transform(values, std::back_inserter(bits), bits_of);
        }
    }
    return bits;
}

}  // namespace ugpt::engine
