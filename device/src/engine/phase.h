// The phases of a training step, or of a token of a pretrained model, for an observer that measures
// what each of them costs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ugpt::engine {

// Those of a step are the forward and the backward pass of a part of the model together.
enum class Phase : std::uint8_t {
    embedding,
    attention,  // with its norm and projections
    mlp,        // with its norm
    loss,       // with the product by lm_head; of a token the logits alone
    adam,
    choice,   // of a token by its logits
    outside,  // no step or token is under way
};
inline constexpr std::size_t kPhaseCount = 6;  // without `outside`

class PhaseObserver {
  public:
    virtual void enter(Phase phase) = 0;

  protected:
    ~PhaseObserver() = default;
};

}  // namespace ugpt::engine
