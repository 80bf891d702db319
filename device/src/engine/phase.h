// The phases of a training step, for an observer that measures what each of them costs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ugpt::engine {

// Each is the forward and the backward pass of a part of the model together.
enum class Phase : std::uint8_t {
    embedding,
    attention,  // with its norm and projections
    mlp,        // with its norm
    loss,       // with the product by lm_head
    adam,
    outside,  // no step or sample is under way
};
inline constexpr std::size_t kPhaseCount = 5;  // without `outside`

class PhaseObserver {
  public:
    virtual void enter(Phase phase) = 0;

  protected:
    ~PhaseObserver() = default;
};

}  // namespace ugpt::engine
