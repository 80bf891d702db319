// Memory for tensors: up to four blocks, and one more that is used by whole words only, handed out
// front to back and taken back all at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <type_traits>

#include "engine/words.h"

namespace ugpt::engine {

// Each part lies in one block: the first that has room. An arena made by `measuring` has no memory
// and only counts, so the same code plans and allocates.
class Arena {
  public:
    static constexpr std::size_t kMaxBlocks = 4;
    static constexpr std::size_t kAlignment = 16;
    static constexpr std::size_t kCacheLine = 64;

    Arena() = default;
    // `words` is memory that is read and written in whole words only, if there is any.
    explicit Arena(std::span<const std::span<std::byte>> blocks, std::span<std::byte> words = {});
    static Arena measuring(std::span<const std::size_t> block_sizes, std::size_t word_bytes = 0);

    // Takes `size` bytes. Returns nullptr if no block has room, and always while measuring; what
    // did not fit adds up in `missing_bytes`.
    [[nodiscard]] std::byte* take(std::uint64_t size);
    // The same for what can do without: returns the block that it lies in, and nothing is missing
    // if none has room. `part` stays nullptr while measuring.
    [[nodiscard]] std::optional<std::size_t> try_take(std::uint64_t size, std::byte*& part);
    // Takes room for `count` values and constructs them: T{} each. Empty if no block has room, and
    // always while measuring.
    template <typename T>
    [[nodiscard]] std::span<T> take_array(std::uint64_t count) {
        static_assert(alignof(T) <= kAlignment);
        static_assert(std::is_trivially_destructible_v<T>);  // `clear` destroys nothing
        std::byte* memory = take(count * sizeof(T));
        if (memory == nullptr) {
            return {};
        }
        const auto size = static_cast<std::size_t>(count);
        std::uninitialized_value_construct_n(reinterpret_cast<T*>(memory), size);
        return {std::launder(reinterpret_cast<T*>(memory)), size};
    }
    // Takes room for `count` words and sets them to 0: in a block, or if none has room, in the
    // memory for whole words. Empty if that has none either, and always while measuring.
    [[nodiscard]] Words take_words(std::uint64_t count);
    // As `try_take`, of the memory for whole words: true if it has room, and then nothing but whole
    // words of `part` may be read and written.
    [[nodiscard]] bool try_take_words(std::uint64_t size, std::byte*& part);
    // Leaves out up to 48 bytes of each block, so that the next part of it begins at a multiple of
    // kCacheLine from its start. Returns how many bytes were left out.
    std::size_t skip_to_cache_line();
    void clear();  // takes everything back

    // All blocks together, without the memory for whole words.
    [[nodiscard]] std::size_t taken_bytes() const;
    [[nodiscard]] std::size_t available_bytes() const;  // taken or not
    [[nodiscard]] std::uint64_t missing_bytes() const { return missing_; }

  private:
    struct Block {
        std::byte* base = nullptr;
        std::size_t size = 0;
        std::size_t used = 0;

        // Of memory from its first aligned address on.
        static Block aligned(std::span<std::byte> memory);
        [[nodiscard]] bool try_take(std::uint64_t wanted, std::byte*& part);
    };
    std::array<Block, kMaxBlocks> blocks_{};
    std::size_t count_ = 0;
    Block words_;
    std::uint64_t missing_ = 0;
};

}  // namespace ugpt::engine
