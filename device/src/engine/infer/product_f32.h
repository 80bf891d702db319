// Products with float weights. A block of eight rows lies column by column, so a vector of weights
// holds neighbouring rows, and one register for each row is all that a block needs.
#pragma once

#include "engine/infer/kernels.h"
#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine::infer {
namespace {

// Every element is one chain of fma over ascending columns, from +0 or from the element itself.
template <class Lanes, std::size_t kBlocks>
UGPT_LANE void f32_blocks(const float* w, const float* x, std::size_t cols, float* out, bool add) {
    constexpr std::size_t kVectors = kBlockRows / Lanes::kWidth;
    typename Lanes::Float sums[kBlocks][kVectors];
    UGPT_UNROLL for (std::size_t b = 0; b < kBlocks; ++b) {
        UGPT_UNROLL for (std::size_t v = 0; v < kVectors; ++v) {
            sums[b][v] =
                add ? Lanes::load(out + b * kBlockRows + v * Lanes::kWidth) : Lanes::all(0.0f);
        }
    }
    const std::size_t block_step = cols * kBlockRows;
    for (const float* end = x + cols; x != end; ++x) {
        const auto factor = Lanes::all(*x);
        UGPT_UNROLL for (std::size_t b = 0; b < kBlocks; ++b) {
            UGPT_UNROLL for (std::size_t v = 0; v < kVectors; ++v) {
                sums[b][v] = Lanes::fma(Lanes::load(w + b * block_step + v * Lanes::kWidth), factor,
                                        sums[b][v]);
            }
        }
        w += kBlockRows;
    }
    UGPT_UNROLL for (std::size_t b = 0; b < kBlocks; ++b) {
        UGPT_UNROLL for (std::size_t v = 0; v < kVectors; ++v) {
            Lanes::store(out + b * kBlockRows + v * Lanes::kWidth, sums[b][v]);
        }
    }
}

// As many blocks at once as keep the multipliers busy; one for one number at a time, which fills
// the registers already.
template <class Lanes>
void f32_product(const Tensor& w, const Input& x, float* out, Blocks blocks, bool add) {
    const std::size_t cols = w.cols;
    const auto* weights = reinterpret_cast<const float*>(w.data);
    std::size_t b = blocks.first;
    const std::size_t end = blocks.first + blocks.count;
    const auto compute = [&]<std::size_t kBlocks>() {
        for (; b + kBlocks <= end; b += kBlocks) {
            f32_blocks<Lanes, kBlocks>(weights + b * cols * kBlockRows, x.values, cols,
                                       out + b * kBlockRows, add);
        }
    };
    if constexpr (Lanes::kWidth == kBlockRows) {
        compute.template operator()<8>();
        compute.template operator()<4>();
    } else if constexpr (Lanes::kWidth > 1) {
        compute.template operator()<4>();
    }
    compute.template operator()<1>();
}

}  // namespace
}  // namespace ugpt::engine::infer
