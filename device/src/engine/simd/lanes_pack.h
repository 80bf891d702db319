// Several vectors processed side by side, so that none waits for its own results.
#pragma once

#include "engine/numeric/scalar_lanes.h"

namespace ugpt::engine {
namespace {

// kCount vectors of `Lanes` as one. Every operation is done for all of them before the next.
template <class Lanes, std::size_t kCount>
struct Pack {
    using Single = Lanes;
    struct Float {
        typename Lanes::Float part[kCount];
    };
    struct Int {
        typename Lanes::Int part[kCount];
    };
    struct Mask {
        typename Lanes::Mask part[kCount];
    };
    static constexpr std::size_t kWidth = kCount * Lanes::kWidth;

    // { f(0), f(1), ... }
    template <typename Result, typename Function>
    UGPT_LANE Result each(Function f) {
        Result result;
        UGPT_UNROLL for (std::size_t i = 0; i < kCount; ++i) {
            result.part[i] = f(i);
        }
        return result;
    }

    UGPT_LANE Float load(const float* p) {
        return each<Float>([p](std::size_t i) { return Lanes::load(p + i * Lanes::kWidth); });
    }
    UGPT_LANE Float load_shorts(const std::int16_t* p) {
        return each<Float>(
            [p](std::size_t i) { return Lanes::load_shorts(p + i * Lanes::kWidth); });
    }
    UGPT_LANE void store(float* p, const Float& x) {
        UGPT_UNROLL for (std::size_t i = 0; i < kCount; ++i) {
            Lanes::store(p + i * Lanes::kWidth, x.part[i]);
        }
    }
    UGPT_LANE Float all(float x) {
        return each<Float>([x](std::size_t) { return Lanes::all(x); });
    }
    UGPT_LANE Int all_bits(std::uint32_t x) {
        return each<Int>([x](std::size_t) { return Lanes::all_bits(x); });
    }
    UGPT_LANE Float add(const Float& a, const Float& b) {
        return each<Float>([&](std::size_t i) { return Lanes::add(a.part[i], b.part[i]); });
    }
    UGPT_LANE Float sub(const Float& a, const Float& b) {
        return each<Float>([&](std::size_t i) { return Lanes::sub(a.part[i], b.part[i]); });
    }
    UGPT_LANE Float max(const Float& a, const Float& b) {
        return each<Float>([&](std::size_t i) { return Lanes::max(a.part[i], b.part[i]); });
    }
    UGPT_LANE Mask less(const Float& a, const Float& b) {
        return each<Mask>([&](std::size_t i) { return Lanes::less(a.part[i], b.part[i]); });
    }
    UGPT_LANE Mask index_at_least(std::size_t first, std::size_t bound) {
        return each<Mask>(
            [=](std::size_t i) { return Lanes::index_at_least(first + i * Lanes::kWidth, bound); });
    }
    template <int kPlaces>
    UGPT_LANE Int shift_left(const Int& x) {
        return each<Int>(
            [&](std::size_t i) { return Lanes::template shift_left<kPlaces>(x.part[i]); });
    }
    UGPT_LANE Float mul(const Float& a, const Float& b) {
        return each<Float>([&](std::size_t i) { return Lanes::mul(a.part[i], b.part[i]); });
    }
    UGPT_LANE Float fma(const Float& a, const Float& b, const Float& c) {
        return each<Float>(
            [&](std::size_t i) { return Lanes::fma(a.part[i], b.part[i], c.part[i]); });
    }
    UGPT_LANE Float negative_fma(const Float& a, const Float& b, const Float& c) {
        return each<Float>(
            [&](std::size_t i) { return Lanes::negative_fma(a.part[i], b.part[i], c.part[i]); });
    }
    UGPT_LANE Mask less_bits(const Int& a, const Int& b) {
        return each<Mask>([&](std::size_t i) { return Lanes::less_bits(a.part[i], b.part[i]); });
    }
    UGPT_LANE Float select(const Mask& mask, const Float& yes, const Float& no) {
        return each<Float>(
            [&](std::size_t i) { return Lanes::select(mask.part[i], yes.part[i], no.part[i]); });
    }
    UGPT_LANE bool any(const Mask& mask) {
        bool result = false;
        UGPT_UNROLL for (std::size_t i = 0; i < kCount; ++i) {
            result = result || Lanes::any(mask.part[i]);
        }
        return result;
    }
    UGPT_LANE Int bits(const Float& x) {
        return each<Int>([&](std::size_t i) { return Lanes::bits(x.part[i]); });
    }
    UGPT_LANE Float from_bits(const Int& x) {
        return each<Float>([&](std::size_t i) { return Lanes::from_bits(x.part[i]); });
    }
    UGPT_LANE Int subtract_bits(const Int& a, const Int& b) {
        return each<Int>([&](std::size_t i) { return Lanes::subtract_bits(a.part[i], b.part[i]); });
    }
    template <int kPlaces>
    UGPT_LANE Int shift_right(const Int& x) {
        return each<Int>(
            [&](std::size_t i) { return Lanes::template shift_right<kPlaces>(x.part[i]); });
    }
};

}  // namespace
}  // namespace ugpt::engine
