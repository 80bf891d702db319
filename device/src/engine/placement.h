// Which tensors of a model lie in memory, and which are read from flash for every token.
#pragma once

#include <cstdint>
#include <span>

#include "engine/arena.h"

namespace ugpt::engine::infer {

struct Shape;
struct Tensor;

enum class Home : std::uint8_t {
    flash,
    memory,
    word_memory  // read by whole words only
};

struct Placement {
    std::uint64_t memory_bytes = 0;
    std::uint64_t word_memory_bytes = 0;
    std::uint64_t flash_bytes = 0;            // of the tensors that stay there
    std::uint64_t flash_bytes_per_token = 0;  // read from there

    bool operator==(const Placement&) const = default;
};

// Copies tensors to what `memory` has left, and to `word_memory` those that may lie there: first
// those of which most is read for a byte that they take, of these the largest first. `tensors` show
// to the copies afterwards, and `homes` says where each lies. With arenas that only measure nothing
// is copied, and the result is the same; tensors need no data then.
Placement place(const Shape& shape, std::span<Tensor> tensors, Arena& memory, Arena& word_memory,
                std::span<Home> homes);

// What is read of a tensor for a token, in bytes.
[[nodiscard]] std::uint64_t bytes_per_token(const Shape& shape, std::span<const Tensor> tensors,
                                            std::uint32_t index);

}  // namespace ugpt::engine::infer
