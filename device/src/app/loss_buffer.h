// The losses of the last steps: written by the trainer, read by the link task while training runs.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/word_memory.h"

namespace ugpt::app {

// Losses are named by their step, 1-based. Held are at most the last kCapacity steps since
// `restart`.
class LossBuffer {
  public:
    static constexpr std::uint32_t kCapacity = 2048;

    explicit LossBuffer(base::Words<kCapacity> values) : values_(values) {}

    // Trainer: forgets everything; the next loss belongs to step `completed` + 1.
    void restart(std::uint32_t completed) {
        base_.store(completed, std::memory_order_relaxed);
        last_.store(completed, std::memory_order_release);
    }

    // Trainer: the loss of the next step.
    void push(float loss) {
        const std::uint32_t step = last_.load(std::memory_order_relaxed) + 1;
        values_[step % kCapacity].store(std::bit_cast<std::uint32_t>(loss),
                                        std::memory_order_relaxed);
        last_.store(step, std::memory_order_release);
    }

    [[nodiscard]] std::uint32_t last() const { return last_.load(std::memory_order_acquire); }

    // Oldest step that is held; last() + 1 if none is.
    [[nodiscard]] std::uint32_t first() const {
        const std::uint32_t last = this->last();
        const std::uint32_t base = base_.load(std::memory_order_relaxed);
        // One value fewer than there is room for: the next push may be writing it.
        return std::max(base + 1, last >= kCapacity ? last - kCapacity + 2 : 1);
    }

    // Copies losses from step `from` on. Returns how many, and in `from` the step of the first.
    std::size_t read(std::uint32_t& from, std::span<float> out) const {
        for (;;) {
            from = std::max(from, first());
            const std::uint32_t last = this->last();
            const std::size_t count =
                from > last ? 0 : std::min<std::size_t>(out.size(), last - from + 1);
            for (std::size_t i = 0; i < count; ++i)
                out[i] = std::bit_cast<float>(
                    values_[(from + i) % kCapacity].load(std::memory_order_relaxed));
            std::atomic_thread_fence(std::memory_order_acquire);
            if (count == 0 || first() <= from) return count;  // else overwritten while copying
        }
    }

  private:
    base::Words<kCapacity> values_;
    std::atomic<std::uint32_t> base_{0};
    std::atomic<std::uint32_t> last_{0};
};

}  // namespace ugpt::app
