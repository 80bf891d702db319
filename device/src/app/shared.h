// What passes between the link task and the trainer task; nothing here makes either wait.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "app/document_ring.h"
#include "app/loss_ring.h"
#include "app/narrator.h"
#include "app/snapshot.h"
#include "app/spsc_queue.h"

namespace ugpt::app {

enum class TrainerState : std::uint32_t { empty, idle, training, waiting, saving };

// What the trainer tells of itself. An epoch is one continuous line of steps: it begins when a
// model is created, loaded, drawn anew or moved to another step.
struct Progress {
    TrainerState state = TrainerState::empty;
    std::uint32_t run_id = 0;
    std::uint32_t step = 0;
    std::uint32_t target_step = 0;
    std::uint32_t saved_step = 0;
    float loss = 0.0f;
    std::uint32_t positions_low = 0;
    std::uint32_t positions_high = 0;
    std::uint32_t error = 0;
    std::uint32_t step_us = 0;
    std::uint32_t free_bytes = 0;
    std::uint32_t epoch = 0;
    std::uint32_t epoch_step = 0;  // steps completed when the epoch began
    std::uint32_t vocab_size = 0;
    std::uint32_t block_size = 0;
    std::uint32_t batch = 1;
    std::uint32_t source = 0;
    std::uint32_t autorun = 0;
};

// Where the rings lie.
struct RingMemory {
    std::array<Word, LossRing::kCapacity> losses;
    std::array<Word, DocumentRing::kCapacity> documents;
};

struct Shared {
    static constexpr std::size_t kMaxExchanges = 32;

    explicit Shared(RingMemory& memory) : losses(memory.losses), documents(memory.documents) {}

    Snapshot<Progress> progress;  // trainer -> link
    LossRing losses;              // trainer -> link
    DocumentRing documents;       // link -> trainer
    // Indices of exchanges: requests for the trainer, and those it has answered.
    SpscQueue<std::uint8_t, kMaxExchanges> requests;
    SpscQueue<std::uint8_t, kMaxExchanges> answers;
    SpscQueue<TextLine, 2> texts;     // trainer -> link, for whoever watches the serial port
    std::atomic<bool> greeted{false};  // a host speaks
    std::atomic<bool> booted{false};  // the trainer has looked for a checkpoint
    std::atomic<bool> stop{false};    // both tasks shall end; a chip never asks for it
};

}  // namespace ugpt::app
