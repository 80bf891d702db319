#include "base/sha256.h"

#include <algorithm>
#include <bit>

namespace ugpt::base {

namespace {

constexpr std::array<std::uint32_t, 64> kRound{
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
};

}  // namespace

void Sha256::take_block() {
    std::array<std::uint32_t, 16> words;
    for (std::size_t i = 0; i < words.size(); ++i) {
        words[i] = 0;
        for (std::size_t j = 0; j < 4; ++j)
            words[i] = words[i] << 8 | std::to_integer<std::uint32_t>(block_[4 * i + j]);
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (std::size_t i = 0; i < kRound.size(); ++i) {
        std::uint32_t& word = words[i % 16];
        if (i >= 16) {
            const std::uint32_t w1 = words[(i + 14) % 16];
            const std::uint32_t w15 = words[(i + 1) % 16];
            word += words[(i + 9) % 16] + (std::rotr(w15, 7) ^ std::rotr(w15, 18) ^ w15 >> 3) +
                    (std::rotr(w1, 17) ^ std::rotr(w1, 19) ^ w1 >> 10);
        }
        const std::uint32_t first = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                                    ((e & f) ^ (~e & g)) + kRound[i] + word;
        const std::uint32_t second =
            (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + first;
        d = c;
        c = b;
        b = a;
        a = first + second;
    }
    const std::array<std::uint32_t, 8> added{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < state_.size(); ++i) state_[i] += added[i];
    filled_ = 0;
}

void Sha256::update(std::span<const std::byte> bytes) {
    size_bytes_ += bytes.size();
    while (!bytes.empty()) {
        const auto part = bytes.first(std::min(bytes.size(), kBlockBytes - filled_));
        std::ranges::copy(part, block_.begin() + static_cast<std::ptrdiff_t>(filled_));
        filled_ += part.size();
        bytes = bytes.subspan(part.size());
        if (filled_ == kBlockBytes) take_block();
    }
}

Sha256::Digest Sha256::finish() {
    constexpr std::size_t kSizeAt = kBlockBytes - sizeof(std::uint64_t);
    const std::uint64_t size_bits = 8 * size_bytes_;
    block_[filled_++] = std::byte{0x80};
    if (filled_ > kSizeAt) {
        std::fill(block_.begin() + static_cast<std::ptrdiff_t>(filled_), block_.end(), std::byte{});
        take_block();
    }
    std::fill(block_.begin() + static_cast<std::ptrdiff_t>(filled_), block_.end(), std::byte{});
    for (std::size_t i = kSizeAt; i < kBlockBytes; ++i)
        block_[i] = static_cast<std::byte>(size_bits >> 8 * (kBlockBytes - 1 - i));
    take_block();
    Digest digest;
    for (std::size_t i = 0; i < digest.size(); ++i)
        digest[i] = static_cast<std::uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
    return digest;
}

}  // namespace ugpt::base
