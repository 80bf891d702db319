// Bytes for tests: from hex, repeated, random; compared; and kept alive for the views of messages.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "rpc/arrays.h"
#include "rpc/msgpack.h"

namespace ugpt::rpc {

using Bytes = std::vector<std::uint8_t>;

inline Bytes from_hex(std::string_view hex) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    Bytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(16 * digit(hex[i]) + digit(hex[i + 1])));
    }
    return bytes;
}

inline bool equal(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
    return std::ranges::equal(a, b);
}

// Exactly as long as the bytes, so that the address sanitizer sees a read beyond them.
inline Bytes copy(std::span<const std::uint8_t> bytes) {
    return {bytes.begin(), bytes.end()};
}

// Keeps bytes until the program ends.
inline std::span<const std::uint8_t> keep(Bytes bytes) {
    static std::deque<Bytes> kept;
    return kept.emplace_back(std::move(bytes));
}

inline std::span<const std::uint8_t> bytes(std::string_view hex) {
    return keep(from_hex(hex));
}

inline std::span<const std::uint8_t> repeated_bytes(std::string_view hex, int times) {
    const Bytes once = from_hex(hex);
    Bytes all;
    for (int i = 0; i < times; ++i) {
        all.insert(all.end(), once.begin(), once.end());
    }
    return keep(std::move(all));
}

inline std::string_view repeated_text(std::string_view text, int times) {
    Bytes all;
    for (int i = 0; i < times; ++i) {
        all.insert(all.end(), text.begin(), text.end());
    }
    const auto kept = keep(std::move(all));
    return {reinterpret_cast<const char*>(kept.data()), kept.size()};
}

inline BinArray bins(std::initializer_list<std::string_view> items, int times) {
    Bytes room(65536);
    Writer writer(room);
    for (int i = 0; i < times; ++i) {
        for (const std::string_view item : items) {
            writer.bin(from_hex(item));
        }
    }
    return {items.size() * static_cast<std::size_t>(times), keep(copy(writer.written()))};
}

inline Bytes random_bytes(std::mt19937& random, std::size_t size) {
    Bytes bytes(size);
    std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(random()); });
    return bytes;
}

}  // namespace ugpt::rpc
