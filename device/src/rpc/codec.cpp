#include "rpc/codec.h"

#include <array>
#include <cstring>

namespace ugpt::rpc {

namespace {

static_assert(std::endian::native == std::endian::little, "integers are copied by their low bytes");

using U32Array = SmallArray<std::uint32_t, 1>;
constexpr std::size_t kItems = offsetof(U32Array, items);

// Members are reached by copying at their offset; they are trivially copyable.
template <typename T>
T load(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

template <typename T>
void store(std::byte* at, const T& value) {
    std::memcpy(at, &value, sizeof value);
}

// Of the types before str, in their order.
constexpr std::size_t size_of(Type type) {
    constexpr std::array<std::uint8_t, 7> kSizes{1, 1, 2, 4, 8, 1, 4};
    return kSizes[static_cast<std::size_t>(type)];
}

std::size_t value_size(const Field& field) {
    if (field.type == Type::str) return sizeof(std::string_view);
    if (field.type == Type::bin) return sizeof(std::span<const std::uint8_t>);
    return size_of(field.type);
}

FieldFault fault_of(ReadError error) {
    switch (error) {
        case ReadError::none:
            return FieldFault::none;
        case ReadError::cut_short:
            return FieldFault::cut_short;
        case ReadError::negative:
            return FieldFault::negative;
        case ReadError::wrong_type:
        case ReadError::too_deep:
            break;
    }
    return FieldFault::wrong_type;
}

class Decoder {
  public:
    Decoder(Reader& reader, FieldError& error) : reader_(reader), error_(error) { error_ = {}; }

    bool message(const Layout& layout, std::byte* out) {
        const std::size_t sent = reader_.array();
        if (!reader_.ok()) return refuse({}, fault_of(reader_.error()));
        for (std::size_t i = 0; i < layout.fields.size(); ++i) {
            const Field& field = layout.fields[i];
            if (i >= sent) return i >= layout.required || refuse(field.name, FieldFault::missing);
            if (!member(field, out + field.offset)) return false;
        }
        for (std::size_t i = layout.fields.size(); i < sent; ++i) reader_.skip();
        return reader_.ok() || refuse({}, fault_of(reader_.error()));
    }

  private:
    bool refuse(std::string_view name, FieldFault fault, Number value = {}, Number bound = {}) {
        error_ = {name, fault, value, bound};
        return false;
    }

    // Checks what was read last.
    bool read(const Field& field) {
        return reader_.ok() || refuse(field.name, fault_of(reader_.error()));
    }

    bool member(const Field& field, std::byte* at) {
        if (field.optional) {
            const bool present = !reader_.take_nil();
            store(at + value_size(field), present);
            if (!present) return true;
        }
        switch (field.type) {
            case Type::boolean:
                store(at, reader_.boolean());
                return read(field);
            case Type::u8:
            case Type::u16:
            case Type::u32:
            case Type::u64:
            case Type::enumeration:
                return integer(field, at);
            case Type::f32:
                return real(field, at);
            case Type::str:
                return text(field, at);
            case Type::bin:
                return binary(field, at);
            case Type::u32_array:
                return u32_array(field, at);
            case Type::bin_array:
                return bin_array(field, at);
            case Type::record:
                return record(field, at);
        }
        return false;
    }

    bool integer(const Field& field, std::byte* at) {
        const std::uint64_t value = reader_.uint();
        if (!read(field)) return false;
        const std::uint64_t most = field.most.bits;
        if (field.type == Type::enumeration) {
            if (value >= 32 || (most >> value & 1) == 0)
                return refuse(field.name, FieldFault::unknown, value);
        } else if (value < field.least.bits) {
            return refuse(field.name, FieldFault::below, value, std::uint64_t{field.least.bits});
        } else if (value > most && field.type != Type::u64) {
            return refuse(field.name, FieldFault::above, value, most);
        }
        std::memcpy(at, &value, size_of(field.type));
        return true;
    }

    bool real(const Field& field, std::byte* at) {
        const float value = reader_.f32();
        if (!read(field)) return false;
        if (field.bounded) {
            const float least = field.least.real();
            const float most = field.most.real();
            if (value < least) return refuse(field.name, FieldFault::below, value, least);
            if (value > most) return refuse(field.name, FieldFault::above, value, most);
            if (value != value) return refuse(field.name, FieldFault::not_a_number);
        }
        store(at, value);
        return true;
    }

    bool fits(const Field& field, std::size_t size_bytes) {
        return size_bytes <= field.most.bits ||
               refuse(field.name, FieldFault::too_long, std::uint64_t{size_bytes},
                      std::uint64_t{field.most.bits});
    }

    bool text(const Field& field, std::byte* at) {
        const std::string_view value = reader_.str();
        store(at, value);
        return read(field) && fits(field, value.size());
    }

    bool binary(const Field& field, std::byte* at) {
        const std::span<const std::uint8_t> value = reader_.bin();
        store(at, value);
        return read(field) && fits(field, value.size());
    }

    // The number of items that follow.
    bool items(const Field& field, std::size_t& count) {
        count = reader_.array();
        if (!read(field)) return false;
        return count <= field.items || refuse(field.name, FieldFault::too_many,
                                              std::uint64_t{count}, std::uint64_t{field.items});
    }

    bool u32_array(const Field& field, std::byte* at) {
        constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
        std::size_t count = 0;
        if (!items(field, count)) return false;
        store(at, static_cast<std::uint32_t>(count));
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t value = reader_.uint();
            if (!read(field)) return false;
            if (value > kMost) return refuse(field.name, FieldFault::above, value, kMost);
            store(at + kItems + i * sizeof(std::uint32_t), static_cast<std::uint32_t>(value));
        }
        return true;
    }

    bool bin_array(const Field& field, std::byte* at) {
        std::size_t count = 0;
        if (!items(field, count)) return false;
        const auto start = reader_.rest();
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t size_bytes = reader_.bin().size();
            if (!read(field) || !fits(field, size_bytes)) return false;
        }
        store(at, BinArray(count, start.first(start.size() - reader_.rest().size())));
        return true;
    }

    bool record(const Field& field, std::byte* at) {
        if (message(*field.record, at)) return true;
        if (error_.field.empty()) error_.field = field.name;
        return false;
    }

    Reader& reader_;
    FieldError& error_;
};

void encode_member(Writer& writer, const Field& field, const std::byte* at) {
    if (field.optional && !load<bool>(at + value_size(field))) return writer.nil();
    switch (field.type) {
        case Type::boolean:
            return writer.boolean(load<bool>(at));
        case Type::u8:
        case Type::u16:
        case Type::u32:
        case Type::u64:
        case Type::enumeration: {
            std::uint64_t value = 0;
            std::memcpy(&value, at, size_of(field.type));
            return writer.uint(value);
        }
        case Type::f32:
            return writer.f32(load<float>(at));
        case Type::str:
            return writer.str(load<std::string_view>(at));
        case Type::bin:
            return writer.bin(load<std::span<const std::uint8_t>>(at));
        case Type::u32_array: {
            const auto count = load<std::uint32_t>(at);
            writer.array(count);
            for (std::size_t i = 0; i < count; ++i)
                writer.uint(load<std::uint32_t>(at + kItems + i * sizeof(std::uint32_t)));
            return;
        }
        case Type::bin_array: {
            const auto items = load<BinArray>(at);
            writer.array(items.size());
            return writer.raw(items.encoded());
        }
        case Type::record:
            return encode_fields(writer, {*field.record, at});
    }
}

}  // namespace

bool decode_fields(Reader& reader, MessageSlot out, FieldError& error) {
    return Decoder(reader, error).message(out.layout, out.bytes);
}

void encode_fields(Writer& writer, MessageView in) {
    writer.array(in.layout.fields.size());
    for (const Field& field : in.layout.fields)
        encode_member(writer, field, in.bytes + field.offset);
}

}  // namespace ugpt::rpc
