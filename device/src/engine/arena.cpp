#include "engine/arena.h"

namespace ugpt::engine {

namespace {

std::uint64_t rounded_up(std::uint64_t size) {
    return (size + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment;
}

}  // namespace

Arena::Arena(std::span<const std::span<std::byte>> blocks) {
    for (const std::span<std::byte>& block : blocks) {
        if (count_ == kMaxBlocks) {
            break;
        }
        // Counting starts at an aligned address, as it does while measuring.
        const auto address = reinterpret_cast<std::uintptr_t>(block.data());
        const std::size_t skipped = (kAlignment - address % kAlignment) % kAlignment;
        if (block.data() != nullptr && skipped < block.size()) {
            blocks_[count_++] = {block.data() + skipped, block.size() - skipped, 0};
        }
    }
}

Arena Arena::measuring(std::span<const std::size_t> block_sizes) {
    Arena arena;
    for (const std::size_t size : block_sizes) {
        if (arena.count_ < kMaxBlocks) {
            arena.blocks_[arena.count_++] = {nullptr, size, 0};
        }
    }
    return arena;
}

std::byte* Arena::take(std::uint64_t size) {
    std::byte* part = nullptr;
    if (!try_take(size, part)) {
        missing_ += rounded_up(size);
    }
    return part;
}

std::optional<std::size_t> Arena::try_take(std::uint64_t size, std::byte*& part) {
    for (std::size_t i = 0; i < count_; ++i) {
        Block& block = blocks_[i];
        const std::size_t left = block.size - block.used;
        if (size <= left) {
            part = block.base == nullptr ? nullptr : block.base + block.used;
            // The last part of a block need not be rounded up.
            const std::uint64_t rounded = rounded_up(size);
            block.used += rounded < left ? static_cast<std::size_t>(rounded) : left;
            return i;
        }
    }
    return std::nullopt;
}

std::size_t Arena::skip_to_cache_line() {
    std::size_t skipped = 0;
    for (std::size_t i = 0; i < count_; ++i) {
        Block& block = blocks_[i];
        const std::size_t left = block.size - block.used;
        const std::size_t wanted = (kCacheLine - block.used % kCacheLine) % kCacheLine;
        const std::size_t taken = wanted < left ? wanted : left;
        block.used += taken;
        skipped += taken;
    }
    return skipped;
}

void Arena::clear() {
    for (std::size_t i = 0; i < count_; ++i) {
        blocks_[i].used = 0;
    }
    missing_ = 0;
}

std::size_t Arena::taken_bytes() const {
    std::size_t total = 0;
    for (std::size_t i = 0; i < count_; ++i) {
        total += blocks_[i].used;
    }
    return total;
}

std::size_t Arena::available_bytes() const {
    std::size_t total = 0;
    for (std::size_t i = 0; i < count_; ++i) {
        total += blocks_[i].size;
    }
    return total;
}

}  // namespace ugpt::engine
