// The self-test: digests of the results of every operation that the engine computes with. They show
// which operation a processor or a compiler gets wrong. `self_test_lanes` is compiled for each
// instruction set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/numeric/math.h"
#include "engine/numeric/self_test.h"

namespace ugpt::engine {

using OperationDigests = std::array<std::uint32_t, kOperationCount>;

// The digests on a processor that keeps the numerics contract.
extern const OperationDigests kExpectedDigests;

// FNV-1a over words. Every NaN counts as the same.
class Digest {
  public:
    void add(std::uint32_t word) { value_ = (value_ ^ word) * 16777619u; }
    void add(float x);
    [[nodiscard]] std::uint32_t value() const { return value_; }

  private:
    std::uint32_t value_ = 2166136261u;
};

// Operands of the self-test; kCount is a multiple of the width of every vector.
struct SelfTestInputs {
    static constexpr std::size_t kCount = 64;
    std::array<float, kCount> a, b, c;
    std::array<float, kCount> negative;  // -90 to 0
    std::array<float, kCount> positive;  // from 2^-62 to 2^62
};

// Folds the results of one instruction set over `inputs` into the digests.
using LanesTest = void (*)(const SelfTestInputs& inputs, OperationDigests& digests);

// Runs every operation over fixed inputs, denormals and infinities included, with each of the
// instruction sets.
[[nodiscard]] SelfTest test_arithmetic(std::span<const LanesTest> instruction_sets);

namespace {

// Applies `function` to vectors of up to three operands and digests every lane.
template <class Lanes, typename Function>
void digest_lanes(std::uint32_t& digest, const float* a, const float* b, const float* c,
                  Function function) {
    Digest results;
    results.add(digest);
    float lanes[Lanes::kWidth];
    for (std::size_t i = 0; i < SelfTestInputs::kCount; i += Lanes::kWidth) {
        Lanes::store(lanes, function(Lanes::load(a + i), Lanes::load(b + i), Lanes::load(c + i)));
        for (const float lane : lanes) {
            results.add(lane);
        }
    }
    digest = results.value();
}

// The LanesTest of `Lanes`.
template <class Lanes>
void self_test_lanes(const SelfTestInputs& inputs, OperationDigests& digests) {
    using Float = typename Lanes::Float;
    const auto digest = [&](Operation operation, auto function) {
        digest_lanes<Lanes>(digests[static_cast<std::size_t>(operation)], inputs.a.data(),
                            inputs.b.data(), inputs.c.data(), function);
    };
    const auto digest_of = [&](Operation operation, const auto& operands, auto function) {
        digest_lanes<Lanes>(digests[static_cast<std::size_t>(operation)], operands.data(),
                            operands.data(), operands.data(), function);
    };
    digest(Operation::sum, [](Float a, Float b, Float) { return Lanes::add(a, b); });
    digest(Operation::sum, [](Float a, Float b, Float) { return Lanes::sub(a, b); });
    digest(Operation::product, [](Float a, Float b, Float) { return Lanes::mul(a, b); });
    digest(Operation::product_and_sum,
           [](Float a, Float b, Float c) { return Lanes::add(Lanes::mul(a, b), c); });
    digest(Operation::product_and_sum,
           [](Float a, Float b, Float c) { return Lanes::sub(c, Lanes::mul(a, b)); });
    digest(Operation::fma, [](Float a, Float b, Float c) { return Lanes::fma(a, b, c); });
    digest(Operation::fma, [](Float a, Float b, Float c) { return Lanes::negative_fma(a, b, c); });
    // The rounding error of the product, which a separate multiplication and addition cannot give.
    digest(Operation::fma, [](Float a, Float b, Float) {
        return Lanes::fma(a, b, Lanes::sub(Lanes::all(0.0f), Lanes::mul(a, b)));
    });
    digest(Operation::comparison, [](Float a, Float b, Float) { return Lanes::max(a, b); });
    digest(Operation::comparison,
           [](Float a, Float b, Float c) { return Lanes::select(Lanes::less(a, b), b, c); });
    digest_of(Operation::exponential, inputs.negative,
              [](Float x, Float, Float) { return Exponential<Lanes>()(x); });
    digest_of(Operation::reciprocal, inputs.positive,
              [](Float x, Float, Float) { return reciprocal<Lanes>(x); });
    digest_of(Operation::inverse_root, inputs.positive,
              [](Float x, Float, Float) { return inverse_root<Lanes>(x); });
}

}  // namespace
}  // namespace ugpt::engine
