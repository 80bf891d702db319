// From logits to a token.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ugpt::engine {

// The logits of one position, `stride` floats apart. [count], 1 to 65,535
struct Logits {
    float* first;
    std::size_t stride;
    std::size_t count;

    [[nodiscard]] float& operator[](std::size_t i) const { return first[i * stride]; }
};

// How a token is chosen. Tokens are ranked by their logits; of equal ones the first ranks higher.
struct Sampling {
    // Divides the logits: below 1 likely tokens become likelier. Below kGreedyBelow the token of
    // the highest rank is taken, whatever the rest says.
    float temperature = 1.0f;
    // Draw from so many tokens of the highest ranks only; 0: from all.
    std::uint32_t top_k = 0;
    // Draw from the fewest tokens of the highest ranks that have this share of the probability of
    // all that `top_k` leaves; 1: from all of them.
    float top_p = 1.0f;

    static constexpr float kGreedyBelow = 0x1p-10f;
};

class Sampler {
  public:
    explicit Sampler(const Sampling& sampling);

    // Draws a token by a uniform number in [0, 1): the first whose running sum of probabilities is
    // larger. Overwrites the logits, and needs no memory that grows with their number.
    [[nodiscard]] std::size_t draw(const Logits& logits, float uniform) const;

  private:
    Sampling sampling_;
    float inverse_temperature_;
};

}  // namespace ugpt::engine
