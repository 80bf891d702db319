#include <algorithm>
#include <array>
#include <cstdint>

#include "check.h"
#include "engine/arena.h"

using ugpt::engine::Arena;
using ugpt::engine::Words;

namespace {

alignas(Arena::kAlignment) std::byte memory[4096];

}  // namespace

TEST(parts_are_aligned_and_follow_each_other) {
    const std::span<std::byte> block(memory);
    Arena arena(std::span(&block, 1));
    std::byte* first = arena.take(10);
    std::byte* second = arena.take(64);
    CHECK(first == memory);
    CHECK(second == memory + Arena::kAlignment);
    CHECK(arena.taken_bytes() == Arena::kAlignment + 64);
    CHECK(arena.available_bytes() == sizeof memory);
    CHECK(arena.missing_bytes() == 0);
}

TEST(a_block_may_start_anywhere) {
    const std::span<std::byte> block(memory + 3, 1000);
    Arena arena(std::span(&block, 1));
    CHECK(arena.take(1) == memory + Arena::kAlignment);
    CHECK(arena.available_bytes() == 1003 - Arena::kAlignment);
}

TEST(a_part_goes_where_there_is_room) {
    const std::array blocks{std::span<std::byte>(memory, 256),
                            std::span<std::byte>(memory + 1024, 512)};
    Arena arena(blocks);
    CHECK(arena.take(200) == memory);
    CHECK(arena.take(300) == memory + 1024);
    CHECK(arena.take(1000) == nullptr);
    CHECK(arena.missing_bytes() == 1008);
    arena.clear();
    CHECK(arena.taken_bytes() == 0);
    CHECK(arena.missing_bytes() == 0);
    CHECK(arena.take(256) == memory);
}

TEST(the_end_of_a_block_can_be_used) {
    const std::span<std::byte> block(memory, 100);
    Arena arena(std::span(&block, 1));
    CHECK(arena.take(100) == memory);
    CHECK(arena.taken_bytes() == 100);
    CHECK(arena.take(1) == nullptr);
}

TEST(a_part_can_begin_at_a_cache_line) {
    const std::array blocks{std::span<std::byte>(memory, 250),
                            std::span<std::byte>(memory + 1024, 512)};
    Arena arena(blocks);
    CHECK(arena.skip_to_cache_line() == 0);
    CHECK(arena.take(200) == memory);
    CHECK(arena.take(300) == memory + 1024);
    // To the end of the first block, and to 320 in the second.
    CHECK(arena.skip_to_cache_line() == (250 - 208) + (320 - 304));
    CHECK(arena.take(1) == memory + 1024 + 320);
    CHECK(arena.taken_bytes() == 250 + 336);
}

TEST(measuring_counts_like_allocating) {
    const std::array blocks{std::span<std::byte>(memory, 640),
                            std::span<std::byte>(memory + 1024, 512)};
    const std::array<std::size_t, 2> sizes{640, 512};
    Arena real(blocks);
    Arena measuring = Arena::measuring(sizes);
    for (const std::size_t size : {100u, 500u, 64u, 300u, 1u, 200u, 3000u}) {
        const bool got = real.take(size) != nullptr;
        CHECK(measuring.take(size) == nullptr);
        CHECK(real.taken_bytes() == measuring.taken_bytes());
        CHECK(real.missing_bytes() == measuring.missing_bytes());
        CHECK(got || real.missing_bytes() > 0);
    }
}

TEST(arrays_have_their_length) {
    const std::span<std::byte> block(memory);
    Arena arena(std::span(&block, 1));
    CHECK(arena.take_array<float>(7).size() == 7);
    CHECK(arena.take_array<float>(5000).empty());
}

TEST(words_come_from_blocks_and_then_from_memory_for_words) {
    alignas(Arena::kAlignment) std::array<std::byte, 128> word_memory;
    word_memory.fill(std::byte{0xA5});
    const std::span<std::byte> block(memory, 64);
    std::ranges::fill(block, std::byte{0xA5});
    Arena arena(std::span(&block, 1), word_memory);
    const std::array<std::size_t, 1> size{64};
    Arena measuring = Arena::measuring(size, word_memory.size());
    // 40 bytes in the block, 40 and 64 with the memory for words, and no more than 16 bytes left.
    for (const std::uint64_t count : {10u, 10u, 16u, 10u}) {
        const Words words = arena.take_words(count);
        CHECK(words.empty() == (arena.missing_bytes() > 0));
        for (std::size_t i = 0; !words.empty() && i < count; ++i) CHECK(words.load(i) == 0);
        CHECK(measuring.take_words(count).empty());
        CHECK(measuring.missing_bytes() == arena.missing_bytes());
    }
    CHECK(arena.missing_bytes() == 48);
    CHECK(arena.taken_bytes() == 48 && arena.available_bytes() == 64);
    const auto zeros = [](std::span<const std::byte> bytes) {
        return std::ranges::count(bytes, std::byte{0});
    };
    CHECK(zeros(block) == 40 && zeros(word_memory) == 40 + 64);
    // Nothing else is put there.
    CHECK(arena.take(32) == nullptr);
    arena.clear();
    std::byte* part = nullptr;
    CHECK(arena.try_take_words(128, part) && part == word_memory.data());
    CHECK(!arena.try_take_words(1, part));
}
