// The platform's helper as the engine's.
#pragma once

#include <algorithm>
#include <optional>

#include "engine/engine.h"
#include "port/port.h"

namespace ugpt::app {

class TeamHelper final : public engine::Helper {
  public:
    explicit TeamHelper(port::Helper& helper) : helper_(helper) {}

    [[nodiscard]] std::uint32_t count() const override { return helper_.count(); }
    void employ(void (*work)(void*, std::uint32_t), void* context) override {
        helper_.employ(work, context);
    }
    void wake(std::uint32_t count) override { helper_.wake(count); }
    void relax() override { helper_.relax(); }

  private:
    port::Helper& helper_;
};

// For how many cores a model has memory: those that the chip has, or more threads than that. So a
// virtual device of one thread has room for what its board has room for.
[[nodiscard]] inline std::uint32_t cores_with_memory(const port::Chip& chip,
                                                     const port::Helper* helper) {
    const std::uint32_t working = helper == nullptr ? 1 : 1 + helper->count();
    return std::max<std::uint32_t>(chip.cores, working);
}

// The trainer task and its helpers, if there are any.
class TaskTeam {
  public:
    TaskTeam(const port::Chip& chip, port::Helper* helper)
        : team_(helper == nullptr ? nullptr : &helper_.emplace(*helper),
                cores_with_memory(chip, helper)) {}
    [[nodiscard]] engine::Team& team() { return team_; }

  private:
    std::optional<TeamHelper> helper_;
    engine::Team team_;
};

}  // namespace ugpt::app
