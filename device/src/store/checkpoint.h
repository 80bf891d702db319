// Checkpoints in flash: a run's description, its vocabulary and every tensor of its model.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "engine/engine.h"
#include "port/port.h"
#include "store/result.h"
#include "store/slot_pair.h"

namespace ugpt::store {

// Where the documents of a run come from.
enum class Source : std::uint32_t { host, flash };

// What a checkpoint says of itself; enough to make its model and to go on training it.
struct CheckpointInfo {
    std::uint32_t run_id = 0;
    std::uint32_t step = 0;
    std::uint32_t target_step = 0;
    std::uint32_t save_every = 0;
    Source source = Source::host;
    engine::Shape shape;
    engine::Recipe recipe;
    std::uint32_t vocabulary_bytes = 0;

    static constexpr std::uint32_t kBytes = 84;
    void encode(base::ByteWriter& writer) const;
    static std::optional<CheckpointInfo> decode(base::ByteReader& reader);

    bool operator==(const CheckpointInfo&) const = default;
};

// How moments lie in a checkpoint: as floats, as every version reads them, or as the words that
// packed ones are in memory.
enum class Layout : std::uint8_t { floats, packed };

// Packed moments stay packed. Checkpoints of older versions have them as floats, and are read.
class CheckpointStore {
  public:
    explicit CheckpointStore(port::Flash& flash);

    [[nodiscard]] static std::uint64_t size_bytes(const engine::Shape& shape,
                                                  engine::MomentFormat moments,
                                                  std::uint32_t vocabulary_bytes);
    [[nodiscard]] std::uint32_t slot_bytes() const;

    // Finds the newest whole checkpoint and remembers it for `load`.
    std::optional<CheckpointInfo> find_newest();
    // Reads the checkpoint found last into a model created with its shape.
    bool load(engine::Model& model, std::span<std::byte> vocabulary);
    // The vocabulary of the checkpoint found or saved last, where it lies. Empty if it cannot be
    // had.
    std::span<const std::byte> vocabulary(std::uint32_t size_bytes);
    // Writes to the slot that does not hold the newest checkpoint, and reads it back.
    Result save(const CheckpointInfo& info, const engine::Model& model,
                std::span<const std::byte> vocabulary);

  private:
    struct Record {
        Layout layout = Layout::floats;
        CheckpointInfo info;
        std::uint32_t payload_bytes = 0;
        std::uint32_t payload_crc = 0;

        static constexpr std::uint32_t kBytes = CheckpointInfo::kBytes + 8;
        [[nodiscard]] std::uint32_t mark() const;
        void encode(base::ByteWriter& writer) const;
        static std::optional<Record> decode(std::uint32_t mark, base::ByteReader& reader);
    };

    bool payload_is_whole(port::Region region, const Record& record);
    bool write_payload(const engine::Model& model, std::span<const std::byte> vocabulary,
                       Record& record);

    port::Flash& flash_;
    SlotPair<Record> slots_;
    Layout newest_layout_ = Layout::floats;
};

}  // namespace ugpt::store
