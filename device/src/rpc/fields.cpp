#include "rpc/fields.h"

#include <algorithm>
#include <array>

namespace ugpt::rpc {

namespace {

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

// Appends text to a buffer and drops what does not fit.
class Text {
  public:
    explicit Text(std::span<char> out) : out_(out) {}

    Text& operator<<(std::string_view text) {
        const auto fitting = text.substr(0, out_.size() - size_);
        std::ranges::copy(fitting, out_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += fitting.size();
        return *this;
    }

    Text& operator<<(std::uint64_t number) {
        std::array<char, 20> digits;
        std::size_t first = digits.size();
        do {
            digits[--first] = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        return *this << std::string_view(digits.data() + first, digits.size() - first);
    }

    [[nodiscard]] std::string_view view() const { return {out_.data(), size_}; }

  private:
    std::span<char> out_;
    std::size_t size_ = 0;
};

void put_bound(Text& text, const FieldError& error, std::string_view relation) {
    if (error.bound_text.empty()) {
        text << ": " << error.value << " is " << relation << " " << error.bound;
    } else {
        text << " is " << relation << " " << error.bound_text;
    }
}

}  // namespace

std::string_view describe(const FieldError& error, std::span<char> out) {
    Text text(out);
    text << (error.field.empty() ? std::string_view("params") : error.field);
    switch (error.fault) {
        case FieldFault::none:
            text << " is valid";
            break;
        case FieldFault::missing:
            text << " is missing";
            break;
        case FieldFault::wrong_type:
            text << " has the wrong type";
            break;
        case FieldFault::cut_short:
            text << " is cut short";
            break;
        case FieldFault::negative:
            text << " is negative";
            break;
        case FieldFault::below:
            put_bound(text, error, "below");
            break;
        case FieldFault::above:
            put_bound(text, error, "above");
            break;
        case FieldFault::not_a_number:
            text << " is not a number";
            break;
        case FieldFault::unknown:
            text << ": " << error.value << " has no meaning";
            break;
        case FieldFault::too_long:
            text << ": " << error.value << " bytes are more than " << error.bound;
            break;
        case FieldFault::too_many:
            text << ": " << error.value << " items are more than " << error.bound;
            break;
    }
    return text.view();
}

FieldReader::FieldReader(Reader& reader, FieldError& error) : reader_(reader), error_(error) {
    error_ = {};
    left_ = reader_.array();
    check_read({});
}

bool FieldReader::finish() {
    for (; left_ > 0 && ok(); --left_) {
        reader_.skip();
        check_read({});
    }
    return ok();
}

void FieldReader::refuse(const FieldError& error) {
    if (ok()) {
        error_ = error;
    }
}

bool FieldReader::next(std::string_view name) {
    if (left_ == 0) {
        refuse({name, FieldFault::missing, 0, 0, {}});
    }
    if (!ok()) {
        return false;
    }
    --left_;
    return true;
}

bool FieldReader::check_read(std::string_view name) {
    if (!reader_.ok()) {
        refuse({name, fault_of(reader_.error()), 0, 0, {}});
    }
    return ok();
}

std::uint64_t FieldReader::integer(std::string_view name, std::uint64_t minimum,
                                   std::uint64_t maximum) {
    if (!next(name)) {
        return 0;
    }
    const std::uint64_t value = reader_.uint();
    if (!check_read(name)) {
        return 0;
    }
    if (value < minimum) {
        refuse({name, FieldFault::below, value, minimum, {}});
    } else if (value > maximum) {
        refuse({name, FieldFault::above, value, maximum, {}});
    }
    return ok() ? value : 0;
}

void FieldReader::read(std::string_view name, bool& out) {
    if (next(name)) {
        out = reader_.boolean();
        check_read(name);
    }
}

void FieldReader::read(std::string_view name, float& out) {
    if (next(name)) {
        out = reader_.f32();
        check_read(name);
    }
}

void FieldReader::read(std::string_view name, float& out, const FloatRange& range) {
    read(name, out);
    if (!ok()) {
        return;
    }
    if (out < range.minimum) {
        refuse({name, FieldFault::below, 0, 0, range.minimum_text});
    } else if (out > range.maximum) {
        refuse({name, FieldFault::above, 0, 0, range.maximum_text});
    } else if (!(out >= range.minimum)) {
        refuse({name, FieldFault::not_a_number, 0, 0, {}});
    }
}

void FieldReader::read(std::string_view name, std::string_view& out, std::size_t max_bytes) {
    if (!next(name)) {
        return;
    }
    out = reader_.str();
    if (check_read(name) && out.size() > max_bytes) {
        refuse({name, FieldFault::too_long, out.size(), max_bytes, {}});
    }
}

void FieldReader::read(std::string_view name, std::span<const std::uint8_t>& out,
                       std::size_t max_bytes) {
    if (!next(name)) {
        return;
    }
    out = reader_.bin();
    if (check_read(name) && out.size() > max_bytes) {
        refuse({name, FieldFault::too_long, out.size(), max_bytes, {}});
    }
}

void FieldReader::read(std::string_view name, BinArray& out, std::size_t max_items,
                       std::size_t max_bytes) {
    if (!next(name)) {
        return;
    }
    const std::size_t count = reader_.array();
    if (count > max_items) {
        refuse({name, FieldFault::too_many, count, max_items, {}});
    }
    const auto start = reader_.rest();
    for (std::size_t i = 0; i < count && ok(); ++i) {
        const std::size_t size_bytes = reader_.bin().size();
        if (reader_.ok() && size_bytes > max_bytes) {
            refuse({name, FieldFault::too_long, size_bytes, max_bytes, {}});
        }
        check_read(name);
    }
    if (check_read(name)) {
        out = BinArray(count, start.first(start.size() - reader_.rest().size()));
    }
}

std::size_t FieldReader::u32_items(std::string_view name, std::span<std::uint32_t> out) {
    if (!next(name)) {
        return 0;
    }
    const std::size_t count = reader_.array();
    if (count > out.size()) {
        refuse({name, FieldFault::too_many, count, out.size(), {}});
    }
    constexpr std::uint64_t kMaximum = std::numeric_limits<std::uint32_t>::max();
    for (std::size_t i = 0; i < count && ok(); ++i) {
        const std::uint64_t value = reader_.uint();
        if (check_read(name) && value > kMaximum) {
            refuse({name, FieldFault::above, value, kMaximum, {}});
        }
        out[i] = static_cast<std::uint32_t>(value);
    }
    return check_read(name) ? count : 0;
}

void write_array(Writer& writer, const BinArray& in) {
    writer.array(in.size());
    writer.raw(in.encoded());
}

}  // namespace ugpt::rpc
