// Checkpoints in flash: two slots written in turn, so that a power cut at any byte leaves the
// previous one readable.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/config.h"
#include "engine/model.h"
#include "port/port.h"

namespace ugpt::app {

// What a checkpoint says of itself; enough to make the model it belongs to.
struct CheckpointInfo {
    std::uint32_t run_id = 0;
    std::uint32_t step = 0;
    std::uint32_t target_step = 0;
    std::uint32_t save_every = 0;
    engine::Shape shape;
    engine::Recipe recipe;
    std::uint32_t vocabulary_bytes = 0;

    bool operator==(const CheckpointInfo&) const = default;
};

enum class SaveResult : std::uint8_t { saved, no_room, flash_failed };

// A slot is a header and a payload (vocabulary, then for every parameter its weights and moments).
// The header holds a sequence number and checksums of both, and is written last: a slot counts
// only when both checksums hold, and of two such slots the higher sequence is the newer.
class CheckpointStore {
  public:
    explicit CheckpointStore(port::Flash& flash) : flash_(flash) {}

    [[nodiscard]] static std::uint32_t size_bytes(const engine::Shape& shape,
                                                  std::uint32_t vocabulary_bytes);
    [[nodiscard]] std::uint32_t slot_bytes() const;

    // Finds the newest whole checkpoint and remembers it for `load`.
    std::optional<CheckpointInfo> find_newest();
    // Reads the checkpoint found last into a model created with its shape.
    bool load(const engine::Model& model, std::span<std::byte> vocabulary);
    // Writes to the slot that does not hold the newest checkpoint.
    SaveResult save(const CheckpointInfo& info, const engine::Model& model,
                    std::span<const std::byte> vocabulary);

  private:
    struct Header;
    struct Slot {
        CheckpointInfo info;
        std::uint32_t sequence = 0;
    };

    std::optional<Slot> read_slot(port::Region region);
    bool write_payload(port::Region region, const engine::Model& model,
                       std::span<const std::byte> vocabulary, std::uint32_t& crc);

    port::Flash& flash_;
    port::Region newest_ = port::Region::checkpoint_b;  // the first save goes to the other slot
    std::uint32_t sequence_ = 0;                        // of the newest; 0 where there is none
};

}  // namespace ugpt::app
