// Which tensors of a model lie in memory, and which are read from flash for every token.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "engine/arena.h"

namespace ugpt::engine::infer {

struct Shape;
struct Tensor;

// Where a tensor lies.
struct Home {
    enum class Kind : std::uint8_t {
        flash,
        memory,
        word_memory  // read by whole words only
    };
    Kind kind = Kind::flash;
    std::uint8_t block = 0;  // of the memory

    bool operator==(const Home&) const = default;
};

// Bytes of tensors in one place; no image has more than 32 bits can count.
struct Share {
    std::uint32_t bytes = 0;
    std::uint32_t bytes_per_token = 0;  // read for each token

    bool operator==(const Share&) const = default;
};

struct Placement {
    std::array<Share, Arena::kMaxBlocks> blocks{};  // of the memory
    Share word_memory;
    Share flash;  // the tensors that stay there

    bool operator==(const Placement&) const = default;
    [[nodiscard]] std::uint32_t memory_bytes() const;  // all blocks together
};

// The tensors of a model, and what becomes of them.
class TensorList {
  public:
    [[nodiscard]] virtual std::uint32_t count() const = 0;
    // Its data is not looked at while arenas only measure.
    [[nodiscard]] virtual Tensor tensor(std::uint32_t index) const = 0;
    // Called once for each: it lies in its home from now on, and has been copied there.
    virtual void moved(std::uint32_t index, Home home, const Tensor& tensor) = 0;

  protected:
    ~TensorList() = default;
};

// Copies tensors to what the blocks of `memory` have left, and to its memory for whole words those
// that may lie there: first those of which most is read for a byte that they take, of these the
// largest first. With an arena that only measures nothing is copied, and the result is the same.
Placement place(const Shape& shape, TensorList& tensors, Arena& memory);

// What is read of a tensor for a token, in bytes.
[[nodiscard]] std::uint64_t bytes_per_token(const Shape& shape, const Tensor& tensor,
                                            std::uint32_t index);

}  // namespace ugpt::engine::infer
