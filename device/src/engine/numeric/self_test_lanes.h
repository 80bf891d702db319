// The part of the self-test that is compiled for each instruction set.
#pragma once

#include "engine/numeric/math.h"
#include "engine/numeric/self_test.h"

namespace ugpt::engine {
namespace {

// Applies `function` to whole vectors of up to three operands and digests every lane.
template <class Lanes, typename Function>
void digest_lanes(std::uint32_t& digest, const float* a, const float* b, const float* c,
                  Function function) {
    Digest results;
    results.add(digest);
    float lanes[Lanes::kWidth];
    for (std::size_t i = 0; i < SelfTestInputs::kCount; i += Lanes::kWidth) {
        Lanes::store(lanes,
                     function(Lanes::load(a + i), Lanes::load(b + i), Lanes::load(c + i)));
        for (const float lane : lanes) {
            results.add(lane);
        }
    }
    digest = results.value();
}

// Folds the results over `inputs` into the digests.
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
    // What rounding the product lost, which a multiplication and an addition cannot find.
    digest(Operation::fma, [](Float a, Float b, Float) {
        return Lanes::fma(a, b, Lanes::sub(Lanes::all(0.0f), Lanes::mul(a, b)));
    });
    digest(Operation::comparison, [](Float a, Float b, Float) { return Lanes::max(a, b); });
    digest(Operation::comparison, [](Float a, Float b, Float c) {
        return Lanes::select(Lanes::less(a, b), b, c);
    });
    digest_of(Operation::exponential, inputs.negative,
              [](Float x, Float, Float) { return Exponential<Lanes>()(x); });
    digest_of(Operation::reciprocal, inputs.positive,
              [](Float x, Float, Float) { return reciprocal<Lanes>(x); });
    digest_of(Operation::inverse_root, inputs.positive,
              [](Float x, Float, Float) { return inverse_root<Lanes>(x); });
}

}  // namespace
}  // namespace ugpt::engine
