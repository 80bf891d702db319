// Memory that is read and written in whole 32-bit words only.
#pragma once

#include <cstddef>
#include <cstdint>

// A test looks at the address of every access here, and says where the word lies.
#if defined(UGPT_WORD_AT)
extern "C" std::uint32_t* UGPT_WORD_AT(std::uint32_t* address);
#else
#define UGPT_WORD_AT(address) (address)
#endif

namespace ugpt::engine {

// Four bytes of whatever is there, floats too. Through any other type the compiler may assume that
// a word and a float never share memory.
using AnyWord [[gnu::may_alias]] = std::uint32_t;

// Part of a chip's memory faults on anything but a whole word. A view of words gives away no
// address, so code that would read or write bytes of them does not compile. The compiler must not
// narrow an access either, or replace a loop by memset: on the chip that has such memory each one
// is an instruction that it knows nothing of. Always inlined: see fma.h.
class Words {
  public:
    Words() = default;
    [[gnu::always_inline]] explicit Words(std::uint32_t* first) : first_(first) {}

    [[nodiscard, gnu::always_inline]] bool empty() const { return first_ == nullptr; }
    // The view from word `count` on.
    [[nodiscard, gnu::always_inline]] Words from(std::size_t count) const {
        return Words(first_ + count);
    }
    [[nodiscard, gnu::always_inline]] std::uint32_t load(std::size_t index) const {
#if defined(__XTENSA__)
        std::uint32_t word;
        asm("l32i %0, %1" : "=a"(word) : "m"(first_[index]));
        return word;
#else
        return *UGPT_WORD_AT(first_ + index);
#endif
    }
    [[gnu::always_inline]] void store(std::size_t index, std::uint32_t word) const {
#if defined(__XTENSA__)
        asm("s32i %1, %0" : "=m"(first_[index]) : "a"(word));
#else
        *UGPT_WORD_AT(first_ + index) = word;
#endif
    }
    // Sets the first `count` words to 0.
    [[gnu::always_inline]] void clear(std::size_t count) const {
        for (std::size_t i = 0; i < count; ++i) {
            store(i, 0);
        }
    }

  private:
    std::uint32_t* first_ = nullptr;
};

}  // namespace ugpt::engine
