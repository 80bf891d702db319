#include "engine/placement.h"

#include "engine/infer.h"
#include "engine/words.h"

namespace ugpt::engine::infer {

namespace {

// What decides when a tensor is placed.
struct Turn {
    std::uint64_t size = 0;
    std::uint64_t reads = 0;  // bytes for a token
    std::uint32_t index = 0;

    // More of each byte is read, or it is larger. No two are equal.
    [[nodiscard]] bool before(const Turn& other) const {
        const std::uint64_t own = reads * other.size, others = other.reads * size;
        if (own != others) return own > others;
        return size != other.size ? size > other.size : index < other.index;
    }
};

Turn turn_of(const Shape& shape, const TensorList& tensors, std::uint32_t index) {
    const Tensor tensor = tensors.tensor(index);
    return {tensor.size_bytes(), bytes_per_token(shape, tensor, index), index};
}

// The first whose turn comes behind `last`, or the first of all. What has had its turn need not be
// remembered so.
Turn next_turn(const Shape& shape, const TensorList& tensors, const Turn* last) {
    Turn next;
    bool found = false;
    for (std::uint32_t i = 0; i < tensors.count(); ++i) {
        const Turn turn = turn_of(shape, tensors, i);
        if ((last == nullptr || last->before(turn)) && (!found || turn.before(next))) {
            next = turn;
            found = true;
        }
    }
    return next;
}

// By whole words, which any memory takes.
void copy_words(const std::byte* from, std::byte* to, std::uint64_t size) {
    const auto* source = reinterpret_cast<const AnyWord*>(from);
    auto* target = reinterpret_cast<volatile AnyWord*>(to);
    for (std::uint64_t i = 0; i < size / sizeof(std::uint32_t); ++i) {
        target[i] = source[i];
    }
}

Home place_one(Tensor& tensor, bool words_will_do, Arena& memory) {
    const std::uint64_t size = tensor.size_bytes();
    std::byte* copy = nullptr;
    Home home;
    if (const auto block = memory.try_take(size, copy)) {
        home = {Home::Kind::memory, static_cast<std::uint8_t>(*block)};
    } else if (words_will_do && memory.try_take_words(size, copy)) {
        home = {Home::Kind::word_memory};
        tensor.words_only = true;
    }
    if (copy != nullptr) {
        copy_words(tensor.data, copy, size);
        tensor.data = copy;
    }
    return home;
}

Share& share_of(Placement& placement, Home home) {
    switch (home.kind) {
        case Home::Kind::memory:
            return placement.blocks[home.block];
        case Home::Kind::word_memory:
            return placement.word_memory;
        case Home::Kind::flash:
            break;
    }
    return placement.flash;
}

}  // namespace

std::uint32_t Placement::memory_bytes() const {
    std::uint32_t total = 0;
    for (const Share& block : blocks) total += block.bytes;
    return total;
}

std::uint64_t bytes_per_token(const Shape& shape, const Tensor& tensor, std::uint32_t index) {
    const bool is_embedding = index == 0 && !shape.tied_classifier;
    return is_embedding ? tensor.size_bytes() / tensor.rows : tensor.size_bytes();
}

Placement place(const Shape& shape, TensorList& tensors, Arena& memory) {
    Placement result;
    Turn turn;
    for (std::uint32_t done = 0; done < tensors.count(); ++done) {
        turn = next_turn(shape, tensors, done == 0 ? nullptr : &turn);
        Tensor tensor = tensors.tensor(turn.index);
        const bool words_will_do = tensor.format == Format::q8 && turn.index != 0;
        const Home home = place_one(tensor, words_will_do, memory);
        tensors.moved(turn.index, home, tensor);
        Share& share = share_of(result, home);
        share.bytes += static_cast<std::uint32_t>(turn.size);
        share.bytes_per_token += static_cast<std::uint32_t>(turn.reads);
    }
    return result;
}

}  // namespace ugpt::engine::infer
