// Digests of the operations that everything is computed from, by which a processor or a compiler
// that computes other bits says so at once, and says where.
#pragma once

#include <array>
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

using OperationDigests = std::array<std::uint32_t, kOperationCount>;

// What every right processor gives.
extern const OperationDigests kExpectedDigests;

struct SelfTest {
    std::uint32_t digest = 0;    // of all operations
    std::uint32_t expected = 0;  // what it should be
    std::uint32_t failed = 0;    // bit i: operation i gave other bits
    [[nodiscard]] bool passed() const { return failed == 0; }
    [[nodiscard]] bool failed_at(Operation operation) const {
        return (failed >> static_cast<unsigned>(operation) & 1u) != 0;
    }
};

// Runs every operation over fixed inputs, denormals and infinities included, with each set of
// kernels that this processor can run.
[[nodiscard]] SelfTest run_self_test();

// Writes the names of the operations that failed, between commas, and returns the length; what
// does not fit is cut off.
std::size_t write_failed(const SelfTest& test, std::span<char> out);

// FNV-1a over words, with every NaN the same.
class Digest {
  public:
    void add(std::uint32_t word) { value_ = (value_ ^ word) * 16777619u; }
    void add(float x);
    [[nodiscard]] std::uint32_t value() const { return value_; }

  private:
    std::uint32_t value_ = 2166136261u;
};

// Operands of the self-test, a multiple of every vector's width of each.
struct SelfTestInputs {
    static constexpr std::size_t kCount = 64;
    std::array<float, kCount> a, b, c;
    std::array<float, kCount> negative;  // -90 to 0
    std::array<float, kCount> positive;  // from 2^-62 to 2^62
};

}  // namespace ugpt::engine
