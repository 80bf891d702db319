// The result of the self-test: which operations give other bits than the numerics contract demands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ugpt::engine {

enum class Operation : std::uint8_t {
    sum,
    product,
    product_and_sum,  // rounded twice: a compiler that fuses them breaks the contract
    fma,
    comparison,
    conversion,
    exponential,
    logarithm,
    reciprocal,
    inverse_root,
    random_numbers,
};
inline constexpr std::size_t kOperationCount = 11;

[[nodiscard]] std::string_view name_of(Operation operation);

struct SelfTest {
    std::uint32_t digest = 0;    // of all operations
    std::uint32_t expected = 0;  // what it should be
    std::uint32_t failed = 0;    // bit i: operation i gave other bits
    [[nodiscard]] bool passed() const { return failed == 0; }
    [[nodiscard]] bool failed_at(Operation operation) const {
        return (failed >> static_cast<unsigned>(operation) & 1u) != 0;
    }
};

// Writes the names of the failed operations, separated by commas, and returns the length. What does
// not fit is cut off.
std::size_t write_failed(const SelfTest& test, std::span<char> out);

}  // namespace ugpt::engine
