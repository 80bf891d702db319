#include "engine/arena.h"

namespace ugpt::engine {

namespace {

std::uint64_t rounded_up(std::uint64_t size) {
    return (size + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment;
}

}  // namespace

// Counting starts at an aligned address, as it does while measuring.
Arena::Block Arena::Block::aligned(std::span<std::byte> memory) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    const std::size_t skipped = (kAlignment - address % kAlignment) % kAlignment;
    if (memory.data() == nullptr || skipped >= memory.size()) {
        return {};
    }
    return {memory.data() + skipped, memory.size() - skipped, 0};
}

bool Arena::Block::try_take(std::uint64_t wanted, std::byte*& part) {
    const std::size_t left = size - used;
    if (wanted > left) {
        return false;
    }
    part = base == nullptr ? nullptr : base + used;
    // The last part of a block need not be rounded up.
    const std::uint64_t rounded = rounded_up(wanted);
    used += rounded < left ? static_cast<std::size_t>(rounded) : left;
    return true;
}

Arena::Arena(std::span<const std::span<std::byte>> blocks, std::span<std::byte> words)
    : words_(Block::aligned(words)) {
    for (const std::span<std::byte>& memory : blocks) {
        const Block block = Block::aligned(memory);
        if (block.size > 0 && count_ < kMaxBlocks) {
            blocks_[count_++] = block;
        }
    }
}

Arena Arena::measuring(std::span<const std::size_t> block_sizes, std::size_t word_bytes) {
    Arena arena;
    for (const std::size_t size : block_sizes) {
        if (arena.count_ < kMaxBlocks) {
            arena.blocks_[arena.count_++] = {nullptr, size, 0};
        }
    }
    arena.words_ = {nullptr, word_bytes, 0};
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
        if (blocks_[i].try_take(size, part)) {
            return i;
        }
    }
    return std::nullopt;
}

bool Arena::try_take_words(std::uint64_t size, std::byte*& part) {
    return words_.try_take(size, part);
}

Words Arena::take_words(std::uint64_t count) {
    const std::uint64_t size = count * sizeof(std::uint32_t);
    std::byte* part = nullptr;
    if (!try_take(size, part) && !try_take_words(size, part)) {
        missing_ += rounded_up(size);
    }
    const Words words(reinterpret_cast<std::uint32_t*>(part));
    if (!words.empty()) {
        words.clear(static_cast<std::size_t>(count));
    }
    return words;
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
    words_.used = 0;
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
