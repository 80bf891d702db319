// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ugpt::base {

class Sha256 {
  public:
    static constexpr std::size_t kBytes = 32;
    using Digest = std::array<std::uint8_t, kBytes>;

    void update(std::span<const std::byte> bytes);
    // The digest of everything so far; nothing may follow.
    [[nodiscard]] Digest finish();

  private:
    static constexpr std::size_t kBlockBytes = 64;

    void take_block();

    std::array<std::uint32_t, 8> state_{0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                        0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
    std::array<std::byte, kBlockBytes> block_{};
    std::size_t filled_ = 0;  // bytes of the block
    std::uint64_t size_bytes_ = 0;
};

}  // namespace ugpt::base
