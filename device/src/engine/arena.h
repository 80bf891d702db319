// Memory for tensors: up to four blocks, handed out front to back, taken back all at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ugpt::engine {

// A part lies in one block, the first that has room. An arena over blocks without an address
// (`Arena::measuring`) hands out nothing and only counts, so a plan and an allocation are the
// same code.
class Arena {
  public:
    static constexpr std::size_t kMaxBlocks = 4;
    static constexpr std::size_t kAlignment = 16;

    Arena() = default;
    explicit Arena(std::span<const std::span<std::byte>> blocks);
    static Arena measuring(std::span<const std::size_t> block_sizes);

    // Takes `size` bytes. Returns nullptr where no block has room, and always while measuring;
    // what did not fit adds up in `missing_bytes`.
    [[nodiscard]] std::byte* take(std::uint64_t size);
    template <typename T>
    [[nodiscard]] std::span<T> take_array(std::size_t count) {
        auto* first = reinterpret_cast<T*>(take(std::uint64_t{count} * sizeof(T)));
        return first == nullptr ? std::span<T>{} : std::span<T>{first, count};
    }
    void clear();  // takes everything back

    [[nodiscard]] std::size_t taken_bytes() const;
    [[nodiscard]] std::size_t available_bytes() const;  // all blocks together, taken or not
    [[nodiscard]] std::uint64_t missing_bytes() const { return missing_; }

  private:
    struct Block {
        std::byte* base = nullptr;
        std::size_t size = 0;
        std::size_t used = 0;
    };
    std::array<Block, kMaxBlocks> blocks_{};
    std::size_t count_ = 0;
    std::uint64_t missing_ = 0;
};

}  // namespace ugpt::engine
