// Where the time of training and of stories goes, counted in ticks of the platform.
#pragma once

#include <array>
#include <cstdint>

#include "engine/engine.h"
#include "port/port.h"

namespace ugpt::app {

class StepProfile final : public engine::PhaseObserver {
  public:
    explicit StepProfile(port::Platform& platform) : platform_(platform) {}

    void clear() {
        ticks_ = {};
        steps_ = tokens_ = 0;
        phase_ = engine::Phase::outside;
    }

    void enter(engine::Phase phase) override {
        const std::uint32_t now = platform_.ticks();
        // The difference is right even if the counter has wrapped round once.
        if (phase_ != engine::Phase::outside)
            ticks_[static_cast<std::size_t>(phase_)] += now - since_;
        phase_ = phase;
        since_ = now;
    }

    void count_step() { ++steps_; }
    void count_token() { ++tokens_; }
    [[nodiscard]] std::uint32_t steps() const { return steps_; }
    [[nodiscard]] std::uint32_t tokens() const { return tokens_; }  // of stories
    [[nodiscard]] std::uint64_t ticks(engine::Phase phase) const {
        return ticks_[static_cast<std::size_t>(phase)];
    }

  private:
    port::Platform& platform_;
    std::array<std::uint64_t, engine::kPhaseCount> ticks_{};
    std::uint32_t steps_ = 0;
    std::uint32_t tokens_ = 0;
    engine::Phase phase_ = engine::Phase::outside;
    std::uint32_t since_ = 0;
};

}  // namespace ugpt::app
