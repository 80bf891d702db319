// The members of messages that C++ has no fitting type for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

#include "rpc/msgpack.h"

namespace ugpt::rpc {

// A value or nil. Unlike std::optional it is of standard layout, so that a table can name its
// place: the flag comes right after the value.
template <typename T>
struct Optional {
    T value{};
    bool present = false;

    constexpr Optional() = default;
    constexpr Optional(T value) : value(value), present(true) {}
    bool operator==(const Optional&) const = default;
};

// Up to `kCapacity` values in place.
template <typename T, std::size_t kCapacity>
struct SmallArray {
    std::uint32_t count = 0;
    std::array<T, kCapacity> items{};

    [[nodiscard]] static constexpr std::size_t capacity() { return kCapacity; }
    [[nodiscard]] constexpr std::span<const T> values() const { return {items.data(), count}; }
    // Returns whether there was room.
    constexpr bool push_back(T value) {
        if (count == kCapacity) {
            return false;
        }
        items[count++] = value;
        return true;
    }
};

// Byte strings as they lie in a body: a view of their encoded forms, one after another, which is
// what `decode` has checked or a `Writer` has written. A range of std::span.
class BinArray {
  public:
    class Iterator {
      public:
        using value_type = std::span<const std::uint8_t>;
        using difference_type = std::ptrdiff_t;

        Iterator() = default;
        Iterator(std::size_t count, std::span<const std::uint8_t> encoded)
            : left_(count), reader_(encoded) {
            read();
        }
        value_type operator*() const { return current_; }
        Iterator& operator++() {
            --left_;
            read();
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const { return left_ == 0; }

      private:
        void read() { current_ = left_ > 0 ? reader_.bin() : value_type{}; }

        std::size_t left_ = 0;
        Reader reader_;
        value_type current_;
    };

    BinArray() = default;
    BinArray(std::size_t count, std::span<const std::uint8_t> encoded)
        : count_(count), encoded_(encoded) {}

    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] std::span<const std::uint8_t> encoded() const { return encoded_; }
    [[nodiscard]] Iterator begin() const { return {count_, encoded_}; }
    [[nodiscard]] std::default_sentinel_t end() const { return {}; }

  private:
    std::size_t count_ = 0;
    std::span<const std::uint8_t> encoded_;
};

}  // namespace ugpt::rpc
