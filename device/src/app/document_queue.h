// Documents on their way from the link task to the trainer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/word_memory.h"
#include "engine/engine.h"

namespace ugpt::app {

// A ring of words holding whole documents, a token in each word, under their index in the training
// order and under a generation: creating, loading or seeking a model starts a new generation, and
// what an earlier one left in the ring is passed over.
class DocumentQueue {
  public:
    static constexpr std::size_t kCapacity = 4096;  // words

    explicit DocumentQueue(base::Words<kCapacity> words) : words_(words) {}

    struct Key {
        std::uint32_t index = 0;
        std::uint16_t generation = 0;
    };

    // Link task. False if there is no room.
    bool push(Key key, std::span<const engine::Token> tokens);
    // Link task: for how many documents of `tokens` tokens there is room.
    [[nodiscard]] std::size_t room_for(std::size_t tokens) const;

    // Trainer: copies the document `key` to `out` and returns true; false if it has not
    // arrived. Documents before it, and those of other generations, are dropped.
    bool take(Key key, std::span<engine::Token> out, std::size_t& length);

  private:
    static constexpr std::size_t kHeaderWords = 2;  // index; generation and length

    [[nodiscard]] std::uint32_t word(std::uint32_t position) const {
        return words_[position % kCapacity].load(std::memory_order_relaxed);
    }
    void put(std::uint32_t position, std::uint32_t value) {
        words_[position % kCapacity].store(value, std::memory_order_relaxed);
    }

    base::Words<kCapacity> words_;
    std::atomic<std::uint32_t> head_{0};
    std::atomic<std::uint32_t> tail_{0};
};

}  // namespace ugpt::app
