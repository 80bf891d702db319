#include "engine/placement.h"

#include <algorithm>

#include "engine/infer.h"

namespace ugpt::engine::infer {

namespace {

// Whether `a` is to be placed before `b`: more of each byte is read, or it is larger.
bool before(const Shape& shape, std::span<const Tensor> tensors, std::uint32_t a, std::uint32_t b) {
    const std::uint64_t a_size = tensors[a].size_bytes(), b_size = tensors[b].size_bytes();
    const std::uint64_t a_reads = bytes_per_token(shape, tensors, a) * b_size;
    const std::uint64_t b_reads = bytes_per_token(shape, tensors, b) * a_size;
    return a_reads != b_reads ? a_reads > b_reads : a_size > b_size;
}

// Takes room for a tensor; false if there is none. `copy` stays nullptr while measuring.
bool take(Arena& arena, std::uint64_t size, std::byte*& copy) {
    const std::uint64_t missing = arena.missing_bytes();
    copy = arena.take(size);
    return arena.missing_bytes() == missing;
}

// By whole words, which any memory takes.
void copy_words(const std::byte* from, std::byte* to, std::uint64_t size) {
    const auto* source = reinterpret_cast<const std::uint32_t*>(from);
    auto* target = reinterpret_cast<volatile std::uint32_t*>(to);
    for (std::uint64_t i = 0; i < size / sizeof(std::uint32_t); ++i) {
        target[i] = source[i];
    }
}

Home place_one(Tensor& tensor, bool words_will_do, Arena& memory, Arena& word_memory) {
    const std::uint64_t size = tensor.size_bytes();
    std::byte* copy = nullptr;
    Home home = Home::flash;
    if (take(memory, size, copy)) {
        home = Home::memory;
    } else if (words_will_do && take(word_memory, size, copy)) {
        home = Home::word_memory;
        tensor.words_only = true;
    }
    if (copy != nullptr) {
        copy_words(tensor.data, copy, size);
        tensor.data = copy;
    }
    return home;
}

}  // namespace

std::uint64_t bytes_per_token(const Shape& shape, std::span<const Tensor> tensors,
                              std::uint32_t index) {
    const Tensor& tensor = tensors[index];
    const bool is_embedding = index == 0 && !shape.tied_classifier;
    return is_embedding ? tensor.size_bytes() / tensor.rows : tensor.size_bytes();
}

Placement place(const Shape& shape, std::span<Tensor> tensors, Arena& memory, Arena& word_memory,
                std::span<Home> homes) {
    const auto count = static_cast<std::uint32_t>(tensors.size());
    Placement result;
    // `homes` marks what has been decided; the order needs no memory of its own then.
    constexpr auto kUndecided = static_cast<Home>(0xff);
    std::ranges::fill(homes, kUndecided);
    for (std::uint32_t done = 0; done < count; ++done) {
        std::uint32_t next = count;
        for (std::uint32_t i = 0; i < count; ++i) {
            if (homes[i] == kUndecided && (next == count || before(shape, tensors, i, next)))
                next = i;
        }
        Tensor& tensor = tensors[next];
        const std::uint64_t size = tensor.size_bytes();
        const bool words_will_do = tensor.format == Format::q8 && next != 0;
        homes[next] = place_one(tensor, words_will_do, memory, word_memory);
        switch (homes[next]) {
            case Home::memory:
                result.memory_bytes += size;
                break;
            case Home::word_memory:
                result.word_memory_bytes += size;
                break;
            case Home::flash:
                result.flash_bytes += size;
                result.flash_bytes_per_token += bytes_per_token(shape, tensors, next);
                break;
        }
    }
    return result;
}

}  // namespace ugpt::engine::infer
