// Messages as tables: for each a row a field, generated from the schema, and one interpreter.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include "rpc/arrays.h"
#include "rpc/field_error.h"
#include "rpc/msgpack.h"

namespace ugpt::rpc {

struct Layout;

enum class Type : std::uint8_t {
    boolean,
    u8,
    u16,
    u32,
    u64,
    enumeration,
    f32,
    str,
    bin,
    u32_array,
    bin_array,
    record,
};

// An integer or a float of a row.
struct Bound {
    std::uint32_t bits = 0;

    constexpr Bound() = default;
    // std::uint32_t is another type than that of 1u on some chips.
    constexpr Bound(std::unsigned_integral auto value) : bits(static_cast<std::uint32_t>(value)) {}
    constexpr Bound(float value) : bits(std::bit_cast<std::uint32_t>(value)) {}
    [[nodiscard]] constexpr float real() const { return std::bit_cast<float>(bits); }
};

// A row: one member of a struct, where it lies, and what it may be.
struct Field {
    const char* name = "";
    const Layout* record = nullptr;
    Bound least;  // of an integer or a float
    Bound most;   // the same; the most bytes of a str or bin; a bit for each value of an enum
    std::uint16_t items = 0;  // the most items of an array
    std::uint16_t offset = 0;
    Type type = Type::boolean;
    bool optional = false;
    bool bounded = false;  // whether a float has a range, outside of which lies NaN
};

struct Layout {
    std::span<const Field> fields;
    std::size_t required = 0;  // fields at the front without a default
};

// A bit for each value of an enum; the generator gives it for every enum of the schema.
template <typename Enum>
inline constexpr std::uint32_t kKnownValues = 0;

template <typename T>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<Optional<T>> = true;

// The type of a row follows from that of the member, so that they cannot disagree.
template <typename T>
consteval Type type_of() {
    if constexpr (std::same_as<T, bool>) {
        return Type::boolean;
    } else if constexpr (std::unsigned_integral<T>) {
        return sizeof(T) == 1   ? Type::u8
               : sizeof(T) == 2 ? Type::u16
               : sizeof(T) == 4 ? Type::u32
                                : Type::u64;
    } else if constexpr (std::is_enum_v<T>) {
        static_assert(sizeof(T) == 1 && kKnownValues<T> != 0);
        return Type::enumeration;
    } else if constexpr (std::same_as<T, float>) {
        return Type::f32;
    } else if constexpr (std::same_as<T, std::string_view>) {
        return Type::str;
    } else if constexpr (std::same_as<T, std::span<const std::uint8_t>>) {
        return Type::bin;
    } else if constexpr (std::same_as<T, BinArray>) {
        return Type::bin_array;
    } else if constexpr (requires { T::kLayout; }) {
        return Type::record;
    } else {
        static_assert(std::same_as<T, SmallArray<std::uint32_t, T::capacity()>>);
        return Type::u32_array;
    }
}

// What a row says besides the type of its member.
struct Limits {
    Bound least;
    Bound most;
    bool bounded = false;  // whether these two count
    std::uint16_t bytes = 0;
    std::uint16_t items = 0;
};

consteval Limits range(Bound least, Bound most) {
    return {.least = least, .most = most, .bounded = true, .bytes = 0, .items = 0};
}
consteval Limits max_bytes(std::uint16_t bytes) {
    return {.least = {}, .most = {}, .bounded = false, .bytes = bytes, .items = 0};
}
consteval Limits max_items(std::uint16_t items, std::uint16_t bytes = 0) {
    return {.least = {}, .most = {}, .bounded = false, .bytes = bytes, .items = items};
}

// A row for a member of type `T` at an offset. Not consteval, for it calls itself: clang 14 takes
// that for a call at run time.
template <typename T>
constexpr Field field(const char* name, std::size_t offset, const Limits& limits = {}) {
    if constexpr (kIsOptional<T>) {
        using Value = decltype(T::value);
        static_assert(offsetof(T, value) == 0 && offsetof(T, present) == sizeof(Value));
        Field row = field<Value>(name, offset, limits);
        row.optional = true;
        return row;
    } else {
        Field row;
        row.name = name;
        row.offset = static_cast<std::uint16_t>(offset);
        row.type = type_of<T>();
        row.least = limits.least;
        row.most = limits.most;
        row.items = limits.items;
        row.bounded = limits.bounded;
        if constexpr (std::unsigned_integral<T>) {
            if (!limits.bounded)
                row.most = static_cast<std::uint32_t>(std::numeric_limits<T>::max());
        } else if constexpr (std::is_enum_v<T>) {
            row.most = kKnownValues<T>;
        } else if constexpr (type_of<T>() == Type::record) {
            row.record = &T::kLayout;
        } else if constexpr (!std::same_as<T, float>) {
            row.most = std::uint32_t{limits.bytes};
        }
        return row;
    }
}

// A message as the interpreter sees it, to be read from and to be written to.
struct MessageView {
    const Layout& layout;
    const std::byte* bytes;
};
struct MessageSlot {
    const Layout& layout;
    std::byte* bytes;
};

template <typename Message>
MessageView view(const Message& message) {
    static_assert(std::is_standard_layout_v<Message> && std::is_trivially_copyable_v<Message>);
    return {Message::kLayout, static_cast<const std::byte*>(static_cast<const void*>(&message))};
}
template <typename Message>
MessageSlot slot(Message& message) {
    static_assert(std::is_standard_layout_v<Message> && std::is_trivially_copyable_v<Message>);
    return {Message::kLayout, static_cast<std::byte*>(static_cast<void*>(&message))};
}

// Reads the array of a message's fields into one that has its defaults: they stay if an older
// peer does not send the field. False if a field is missing, has the wrong type or lies outside its
// range; `error` then says which and why, and the message is of no use. Text and bytes are views
// into the decoded body, which must outlive them.
[[nodiscard]] bool decode_fields(Reader& reader, MessageSlot out, FieldError& error);
// Does not check ranges; a body that does not fit shows in `writer.ok()`.
void encode_fields(Writer& writer, MessageView in);

template <typename Message>
[[nodiscard]] bool decode(Reader& reader, Message& out, FieldError& error) {
    out = {};
    return decode_fields(reader, slot(out), error);
}

template <typename Message>
void encode(Writer& writer, const Message& in) {
    encode_fields(writer, view(in));
}

}  // namespace ugpt::rpc
