// The losses of a run that needs no host, kept in flash so that a host that comes later can show
// all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "port/port.h"

namespace ugpt::store {

// The loss of each step has its own place. A step that is run again after a power cut has the same
// loss, so writing it again changes nothing.
class LossHistory {
  public:
    explicit LossHistory(port::Flash& flash) : flash_(flash) {}

    // Makes room for the losses of `run_id`; keeps what is there if it belongs to that run.
    bool begin(std::uint32_t run_id);
    // Losses of consecutive steps from `first` (1-based). Those beyond the room are dropped.
    bool write(std::uint32_t first, std::span<const float> losses);
    // Reads from step `first` on, up to the first that was not written; returns how many.
    std::size_t read(std::uint32_t run_id, std::uint32_t first, std::span<float> out);

  private:
    static constexpr std::uint32_t kMark = 0x31564375;                   // "uCV1"
    static constexpr std::uint32_t kHeaderBytes = 8;                     // mark and run_id
    static constexpr std::uint32_t kValues = port::Flash::kSectorBytes;  // offset of the first

    [[nodiscard]] bool belongs_to(std::uint32_t run_id);
    [[nodiscard]] std::size_t capacity() const;

    port::Flash& flash_;
};

}  // namespace ugpt::store
