// A value that one task publishes and others read whole, without either waiting for the other: a
// sequence lock over 32-bit words, since the chips have no wider atomics.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace ugpt::base {

template <typename T>
class Snapshot {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::uint32_t) == 0);
    static constexpr std::size_t kWords = sizeof(T) / sizeof(std::uint32_t);
    using Words = std::array<std::uint32_t, kWords>;

  public:
    // One task only.
    void publish(const T& value) {
        const auto words = std::bit_cast<Words>(value);
        const std::uint32_t sequence = sequence_.load(std::memory_order_relaxed);
        sequence_.store(sequence + 1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_release);
        for (std::size_t i = 0; i < kWords; ++i)
            words_[i].store(words[i], std::memory_order_relaxed);
        sequence_.store(sequence + 2, std::memory_order_release);
    }

    // Any task. An odd or changed sequence means that a publication was under way: read again.
    [[nodiscard]] T read() const {
        Words words;
        std::uint32_t before = 0;
        std::uint32_t after = 0;
        do {
            before = sequence_.load(std::memory_order_acquire);
            for (std::size_t i = 0; i < kWords; ++i)
                words[i] = words_[i].load(std::memory_order_relaxed);
            std::atomic_thread_fence(std::memory_order_acquire);
            after = sequence_.load(std::memory_order_relaxed);
        } while (before != after || (before & 1u) != 0);
        return std::bit_cast<T>(words);
    }

  private:
    std::atomic<std::uint32_t> sequence_{0};
    std::array<std::atomic<std::uint32_t>, kWords> words_{};
};

}  // namespace ugpt::base
