// What passes between the link task and the trainer task; nothing here makes either wait.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "app/autorun_sampler.h"
#include "app/document_queue.h"
#include "app/loss_buffer.h"
#include "base/snapshot.h"
#include "base/spsc_queue.h"
#include "rpc/messages.h"

namespace ugpt::app {

// What the trainer tells of itself. A generation is one continuous line of steps: it begins when a
// model is created, loaded, drawn anew or moved to another step.
struct Progress {
    std::uint32_t run_id = 0;
    std::uint32_t step = 0;
    std::uint32_t target_step = 0;
    std::uint32_t saved_step = 0;
    std::uint32_t unsaved = 0;  // whether there are weights that no host has
    float loss = 0.0f;
    float gradient_norm = 0.0f;
    std::uint32_t has_gradient_norm = 0;
    std::uint32_t positions_low = 0;
    std::uint32_t positions_high = 0;
    std::uint32_t step_us = 0;
    std::uint32_t free_bytes = 0;
    std::uint32_t generation = 0;
    std::uint32_t generation_step = 0;  // steps completed when the generation began
    std::uint32_t vocab_size = 0;
    std::uint32_t block_size = 0;
    std::uint32_t batch = 1;
    rpc::DeviceState state = rpc::DeviceState::empty;
    rpc::ErrorCode error = rpc::ErrorCode::none;  // what stopped the training
    rpc::Source source = rpc::Source::host;
    bool autorun = false;
    rpc::Loaded loaded = rpc::Loaded::nothing;
    bool writing = false;  // a text of the pretrained model
    bool console = false;  // what is typed begins such a text, while no host speaks
    bool unused = false;   // so that no byte of this is without a value
};

// Where the queues lie.
struct QueueMemory {
    std::array<base::Word, LossBuffer::kCapacity> losses;
    std::array<base::Word, DocumentQueue::kCapacity> documents;
};

struct Shared {
    static constexpr std::size_t kMaxCalls = 32;

    explicit Shared(QueueMemory& memory) : losses(memory.losses), documents(memory.documents) {}

    base::Snapshot<Progress> progress;  // trainer -> link
    LossBuffer losses;                  // trainer -> link
    DocumentQueue documents;            // link -> trainer
    // Indices of calls: requests for the trainer, and those it has answered.
    base::SpscQueue<std::uint8_t, kMaxCalls> requests;
    base::SpscQueue<std::uint8_t, kMaxCalls> answers;
    base::SpscQueue<TextLine, 2> texts;  // trainer -> link, for whoever watches the serial port
    TextLine typed;  // by the same person: the link task's, or the trainer's while it is ready
    std::atomic<bool> typed_ready{false};
    std::atomic<bool> interrupted{false};     // who typed it wants no more of the story
    std::atomic<bool> handshake_done{false};  // a host speaks
    std::atomic<bool> booted{false};          // the trainer has looked for a checkpoint
    std::atomic<bool> stop{false};            // asks both tasks to end; never on a chip
};

}  // namespace ugpt::app
