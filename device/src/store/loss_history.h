// The losses of a run that needs no host, kept in flash so that a host that comes later can show
// all of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "port/port.h"

namespace ugpt::store {

// Losses of every `stride`th step from `first` (1-based) on.
struct LossRange {
    std::uint32_t first = 0;
    std::uint32_t stride = 1;
    std::size_t count = 0;
};

// Every step whose loss is kept has its own place: at first all of them, and each time that there
// is no room left, every second one goes and the stride doubles. A step that is run again after a
// power cut has the same loss, so writing it again changes nothing.
//
// A block is a sector of values. Of the sectors behind the first one all but one are blocks, in an
// order that changes: two blocks become one by writing every second value of both to the spare
// sector, and the sector of the first is the spare one then. Each such act, and each erasure of a
// sector that is to be written anew, ends with a word of zeros in the first sector. How many of
// them there are tells which acts have been done, and so the order of the blocks; an act that a
// power cut has ended is done again, for what it reads is still there.
//
// As long as the stride is 1, version 0.1.0 reads and writes the same layout.
class LossHistory {
  public:
    explicit LossHistory(port::Flash& flash) : flash_(flash) {}

    // Makes room for the losses of `run_id`; keeps what is there if it belongs to that run.
    bool begin(std::uint32_t run_id);
    // Losses of consecutive steps from `first` (1-based).
    bool write(std::uint32_t run_id, std::uint32_t first, std::span<const float> losses);
    // The loss of the last step of the run, which is kept whatever the stride.
    bool write_last(std::uint32_t run_id, float loss);

    // Reads from the first step kept that is not before `first`, but none after `step`. The run
    // ends with `last_step`.
    LossRange read(std::uint32_t run_id, std::uint32_t first, std::uint32_t step,
                   std::uint32_t last_step, std::span<float> out);

  private:
    static constexpr std::uint32_t kMark = 0x31564375;  // "uCV1"
    static constexpr std::uint32_t kSector = port::Flash::kSectorBytes;
    static constexpr std::uint32_t kHeaderBytes = 8;         // mark and run_id
    static constexpr std::uint32_t kActs = kHeaderBytes;     // offset of the first act's word
    static constexpr std::uint32_t kLast = kSector - 4;      // offset of the last step's loss
    static constexpr std::uint32_t kPerBlock = kSector / 4;  // values
    static constexpr std::uint32_t kMaxActs = (kLast - kActs) / 4;
    static constexpr std::uint32_t kMaxBlocks = 62;

    // Finds out how the blocks lie, if that is not known yet; false if they are those of another.
    bool find(std::uint32_t run_id);
    void lay_out();
    bool count_acts();

    // Acts come in rounds of `blocks_`: a half of them merges blocks, the others erase the sectors
    // that have become free.
    [[nodiscard]] bool merging() const;
    bool act();
    bool merge(std::uint32_t pair);
    bool halve();
    bool open(std::uint32_t block);
    void note_act();

    [[nodiscard]] std::uint32_t readable_blocks() const;
    [[nodiscard]] std::uint32_t place(std::uint32_t index) const;

    port::Flash& flash_;
    bool found_ = false;
    std::uint32_t run_id_ = 0;
    std::uint32_t acts_ = 0;
    std::uint32_t stride_ = 1;
    std::uint32_t blocks_ = 0;
    // The sectors of the blocks in their order, then the spare one.
    std::array<std::uint8_t, kMaxBlocks + 1> sectors_{};
};

}  // namespace ugpt::store
