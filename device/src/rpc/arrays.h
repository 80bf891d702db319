// The two arrays that messages contain.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ugpt::rpc {

// Up to `kCapacity` values in place.
template <typename T, std::size_t kCapacity>
struct SmallArray {
    std::array<T, kCapacity> items{};
    std::size_t count = 0;

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

// Byte strings as they lie in a body: a view of their encoded forms, one after another. Made by
// `FieldReader` after checking them, or from what a `Writer` wrote; never from unchecked bytes.
class BinArray {
  public:
    class Iterator {
      public:
        using value_type = std::span<const std::uint8_t>;
        using difference_type = std::ptrdiff_t;

        Iterator() = default;
        explicit Iterator(const std::uint8_t* at) : at_(at) {}
        value_type operator*() const;
        Iterator& operator++();
        Iterator operator++(int);
        bool operator==(const Iterator&) const = default;

      private:
        const std::uint8_t* at_ = nullptr;
    };

    BinArray() = default;
    BinArray(std::size_t count, std::span<const std::uint8_t> encoded)
        : count_(count), encoded_(encoded) {}

    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] std::span<const std::uint8_t> encoded() const { return encoded_; }
    [[nodiscard]] Iterator begin() const { return Iterator(encoded_.data()); }
    [[nodiscard]] Iterator end() const { return Iterator(encoded_.data() + encoded_.size()); }

  private:
    std::size_t count_ = 0;
    std::span<const std::uint8_t> encoded_;
};

}  // namespace ugpt::rpc
