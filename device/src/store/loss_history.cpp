#include "store/loss_history.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/bytes.h"

namespace ugpt::store {
namespace {

constexpr port::Region kLosses = port::Region::loss_history;
constexpr std::uint32_t kErased = 0xFFFFFFFF;
constexpr std::size_t kPart = 32;  // values at a time: the stack of a trainer is small

bool is_erased(float loss) {
    return std::bit_cast<std::uint32_t>(loss) == kErased;
}

}  // namespace

bool LossHistory::find(std::uint32_t run_id) {
    if (found_) return run_id == run_id_;
    std::array<std::byte, kHeaderBytes> header;
    if (!flash_.read(kLosses, 0, header)) return false;
    base::ByteReader reader(header);
    if (reader.u32() != kMark || reader.u32() != run_id) return false;
    lay_out();
    run_id_ = run_id;
    found_ = count_acts();
    return found_;
}

void LossHistory::lay_out() {
    const std::uint32_t sectors = flash_.size_bytes(kLosses) / kSector;
    // One for the words of the acts, one to spare, and an even number of blocks.
    blocks_ = sectors < 4 ? 0 : std::min((sectors - 2) & ~1u, kMaxBlocks);
    for (std::uint32_t i = 0; i <= blocks_; ++i) sectors_[i] = static_cast<std::uint8_t>(i + 1);
    acts_ = 0;
    stride_ = 1;
}

bool LossHistory::count_acts() {
    std::array<std::byte, 4> word;
    while (blocks_ > 0 && acts_ < kMaxActs) {
        if (!flash_.read(kLosses, kActs + 4 * acts_, word)) return false;
        if (base::ByteReader reader(word); reader.u32() != 0) break;
        note_act();
    }
    return true;
}

// What an act that is over has changed.
void LossHistory::note_act() {
    const std::uint32_t pair = acts_++ % blocks_;
    if (pair >= blocks_ / 2) return;
    // The merged block takes the place of what has become free before it.
    const std::uint8_t freed = std::exchange(sectors_[2 * pair], sectors_[pair]);
    sectors_[pair] = std::exchange(sectors_[blocks_], freed);
    if (pair + 1 == blocks_ / 2) stride_ *= 2;
}

bool LossHistory::merging() const {
    return blocks_ > 0 && acts_ % blocks_ > 0 && acts_ % blocks_ < blocks_ / 2;
}

bool LossHistory::act() {
    if (acts_ == kMaxActs) return false;
    const std::uint32_t number = acts_ % blocks_;
    const bool done = number < blocks_ / 2
                          ? merge(number)
                          : flash_.erase(kLosses, sectors_[number] * kSector, kSector);
    constexpr std::array<std::byte, 4> kDone{};
    if (!done || !flash_.write(kLosses, kActs + 4 * acts_, kDone)) return false;
    note_act();
    return true;
}

// Writes every second value of two blocks to the spare sector.
bool LossHistory::merge(std::uint32_t pair) {
    const std::uint32_t target = sectors_[blocks_] * kSector;
    if (!flash_.erase(kLosses, target, kSector)) return false;
    std::array<float, kPart> values;
    std::array<float, kPart / 2> kept;
    for (std::uint32_t done = 0; done < 2 * kPerBlock; done += kPart) {
        const std::uint32_t block = 2 * pair + done / kPerBlock;
        const std::uint32_t at = sectors_[block] * kSector + done % kPerBlock * 4;
        if (!flash_.read(kLosses, at, std::as_writable_bytes(std::span(values)))) return false;
        for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = values[2 * i];
        if (!flash_.write(kLosses, target + done / 2 * 4, std::as_bytes(std::span(kept))))
            return false;
    }
    return true;
}

bool LossHistory::halve() {
    if (!merging() && !open(blocks_ - 1)) return false;
    do {
        if (!act()) return false;
    } while (merging());
    return true;
}

// Erases the sectors of the blocks up to that one, if they still hold what has been merged.
bool LossHistory::open(std::uint32_t block) {
    while (acts_ % blocks_ >= blocks_ / 2 && acts_ % blocks_ <= block)
        if (!act()) return false;
    return true;
}

std::uint32_t LossHistory::place(std::uint32_t index) const {
    return sectors_[index / kPerBlock] * kSector + index % kPerBlock * 4;
}

bool LossHistory::begin(std::uint32_t run_id) {
    if (find(run_id)) return true;
    found_ = false;
    std::array<std::byte, kHeaderBytes> header;
    base::ByteWriter writer(header);
    writer.u32(kMark);
    writer.u32(run_id);
    if (!flash_.erase(kLosses, 0, flash_.size_bytes(kLosses)) || !flash_.write(kLosses, 0, header))
        return false;
    lay_out();
    run_id_ = run_id;
    found_ = true;
    return true;
}

bool LossHistory::write(std::uint32_t run_id, std::uint32_t first, std::span<const float> losses) {
    if (!begin(run_id)) return false;
    if (blocks_ == 0) return true;  // there is no room for any
    for (std::size_t i = 0; i < losses.size();) {
        if (merging() && !halve()) return false;
        const auto before = static_cast<std::uint32_t>(first - 1 + i);
        if (const std::uint32_t past = before % stride_; past != 0) {
            i += stride_ - past;
            continue;
        }
        const std::uint32_t index = before / stride_;
        const std::uint32_t block = index / kPerBlock;
        if (block >= blocks_) {
            if (acts_ == kMaxActs) return true;  // after more steps than a run can have
            if (!halve()) return false;
            continue;
        }
        if (!open(block)) return false;
        std::array<float, kPart> part;
        const std::size_t room = std::min(part.size(), std::size_t{kPerBlock - index % kPerBlock});
        std::size_t count = 0;
        for (; i < losses.size() && count < room; i += stride_) part[count++] = losses[i];
        if (!flash_.write(kLosses, place(index), std::as_bytes(std::span(part).first(count))))
            return false;
    }
    return true;
}

bool LossHistory::write_last(std::uint32_t run_id, float loss) {
    return begin(run_id) && flash_.write(kLosses, kLast, std::as_bytes(std::span(&loss, 1)));
}

// Version 0.1.0 wrote to the sector that is spare now.
std::uint32_t LossHistory::readable_blocks() const {
    return acts_ == 0 && blocks_ > 0 ? blocks_ + 1 : blocks_;
}

LossRange LossHistory::read(std::uint32_t run_id, std::uint32_t first, std::uint32_t step,
                            std::uint32_t last_step, std::span<float> out) {
    // A power cut may have left blocks of two strides.
    if (!find(run_id) || first > step || (merging() && !halve())) return {};
    const std::uint32_t end = std::min((step - 1) / stride_ + 1, readable_blocks() * kPerBlock);
    for (std::uint32_t index = (first - 1 + stride_ - 1) / stride_; index < end;) {
        const auto part = out.first(std::min(
            {out.size(), std::size_t{end - index}, std::size_t{kPerBlock - index % kPerBlock}}));
        if (!flash_.read(kLosses, place(index), std::as_writable_bytes(part))) return {};
        const auto kept = std::ranges::find_if_not(part, is_erased);
        if (kept == part.begin()) {
            const auto end_of_kept = std::ranges::find_if(part, is_erased);
            return {index * stride_ + 1, stride_,
                    static_cast<std::size_t>(end_of_kept - part.begin())};
        }
        index += static_cast<std::uint32_t>(kept - part.begin());
    }
    const auto last = out.first(1);
    if (step < last_step || !flash_.read(kLosses, kLast, std::as_writable_bytes(last)) ||
        is_erased(last[0]))
        return {};
    return {last_step, 1, 1};
}

}  // namespace ugpt::store
