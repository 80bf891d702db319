// From logits to a token.
#pragma once

#include <cstddef>

namespace ugpt::engine {

// The logits of one position, `stride` floats apart. [count]
struct Logits {
    float* first;
    std::size_t stride;
    std::size_t count;

    [[nodiscard]] float& operator[](std::size_t i) const { return first[i * stride]; }
};

class Sampler {
  public:
    // `temperature` divides the logits: below 1 likely tokens become likelier. From 2^-125 on.
    explicit Sampler(float temperature);

    // Draws a token by a uniform number in [0, 1): the first whose running sum of probabilities is
    // larger. Overwrites the logits with the running sums, not normalised.
    [[nodiscard]] std::size_t draw(const Logits& logits, float uniform) const;

  private:
    float inverse_temperature_;
};

}  // namespace ugpt::engine
