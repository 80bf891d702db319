// Reads the fields of a message one after another, each with its range, and keeps the first thing
// that was wrong. The generated `decode` functions are written in these terms.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include "rpc/arrays.h"
#include "rpc/msgpack.h"

namespace ugpt::rpc {

enum class FieldFault : std::uint8_t {
    none,
    missing,
    wrong_type,
    cut_short,
    negative,
    below,         // less than the range
    above,         // more than the range
    not_a_number,
    unknown,       // not a value of its enum
    too_long,      // more bytes than allowed
    too_many,      // more items than allowed
};

// Which field was refused and why. Views are of static text.
struct FieldError {
    std::string_view field;  // empty: the message as a whole
    FieldFault fault = FieldFault::none;
    std::uint64_t value = 0;     // the number, length or count that was refused
    std::uint64_t bound = 0;     // what it may be at least or at most
    std::string_view bound_text; // the bound of a float, as the schema writes it
};

// Writes the error as a short text, such as "n_embd: 2000 is above 1024", and returns the part of
// `out` it took. A text that is too long is cut.
std::string_view describe(const FieldError& error, std::span<char> out);

struct FloatRange {
    float minimum;
    float maximum;
    std::string_view minimum_text;
    std::string_view maximum_text;
};

class FieldReader {
  public:
    // Reads the array that holds the fields.
    FieldReader(Reader& reader, FieldError& error);

    // Whether fields are left that have not been read.
    [[nodiscard]] bool more() const { return left_ > 0; }
    // Skips fields that a newer peer has added; returns whether all was well.
    bool finish();

    template <std::unsigned_integral T>
    void read(std::string_view name, T& out, std::type_identity_t<T> minimum = 0,
              std::type_identity_t<T> maximum = std::numeric_limits<T>::max()) {
        out = static_cast<T>(integer(name, minimum, maximum));
    }
    void read(std::string_view name, bool& out);
    void read(std::string_view name, float& out);
    void read(std::string_view name, float& out, const FloatRange& range);
    void read(std::string_view name, std::string_view& out, std::size_t max_bytes);
    void read(std::string_view name, std::span<const std::uint8_t>& out, std::size_t max_bytes);
    void read(std::string_view name, BinArray& out, std::size_t max_items, std::size_t max_bytes);

    template <std::size_t kCapacity>
    void read(std::string_view name, SmallArray<std::uint32_t, kCapacity>& out) {
        out.count = u32_items(name, out.items);
    }

    // An enum; `is_known` is generated beside it.
    template <typename Enum>
        requires std::is_enum_v<Enum>
    void read(std::string_view name, Enum& out) {
        const std::uint64_t value = integer(name, 0, std::numeric_limits<std::uint8_t>::max());
        out = static_cast<Enum>(value);
        if (ok() && !is_known(out)) {
            refuse({name, FieldFault::unknown, value, 0, {}});
        }
    }

    // A record; its `decode` is generated beside it.
    template <typename Record>
        requires std::is_class_v<Record>
    void read(std::string_view name, Record& out) {
        if (next(name) && !decode(reader_, out, error_) && error_.field.empty()) {
            error_.field = name;
        }
    }

  private:
    [[nodiscard]] bool ok() const { return error_.fault == FieldFault::none; }
    bool next(std::string_view name);
    bool check_read(std::string_view name);
    void refuse(const FieldError& error);
    std::uint64_t integer(std::string_view name, std::uint64_t minimum, std::uint64_t maximum);
    std::size_t u32_items(std::string_view name, std::span<std::uint32_t> out);

    Reader& reader_;
    FieldError& error_;
    std::size_t left_ = 0;
};

template <std::size_t kCapacity>
void write_array(Writer& writer, const SmallArray<std::uint32_t, kCapacity>& in) {
    writer.array(in.count);
    for (const std::uint32_t value : in.values()) {
        writer.uint(value);
    }
}
void write_array(Writer& writer, const BinArray& in);

}  // namespace ugpt::rpc
