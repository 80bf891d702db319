// Which field of a message was refused, and why.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ugpt::rpc {

enum class FieldFault : std::uint8_t {
    none,
    missing,
    wrong_type,
    cut_short,
    negative,
    below,  // less than the range
    above,  // more than the range
    not_a_number,
    unknown,   // not a value of its enum
    too_long,  // more bytes than allowed
    too_many,  // more items than allowed
};

// A number as an error names it.
struct Number {
    std::uint64_t integer = 0;
    float real = 0.0f;
    bool is_real = false;

    constexpr Number() = default;
    constexpr Number(std::uint64_t value) : integer(value) {}
    constexpr Number(float value) : real(value), is_real(true) {}
};

struct FieldError {
    std::string_view field;  // of static text; empty: the message as a whole
    FieldFault fault = FieldFault::none;
    Number value;  // the number, length or count that was refused
    Number bound;  // what it may be at least or at most
};

// Writes the error as a short text, such as "n_embd: 2000 is above 1024", and returns the part of
// `out` it took. A text that is too long is cut.
std::string_view describe(const FieldError& error, std::span<char> out);

}  // namespace ugpt::rpc
