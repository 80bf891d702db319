#include "rpc/field_error.h"

#include <algorithm>
#include <array>
#include <limits>

namespace ugpt::rpc {

namespace {

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
        std::array<char, kMostDigits> digits;
        return *this << in_digits(number, digits);
    }

    Text& operator<<(const Number& number) {
        return number.is_real ? put_real(number.real) : *this << number.integer;
    }

    [[nodiscard]] std::string_view view() const { return {out_.data(), size_}; }

  private:
    static constexpr std::size_t kMostDigits = 20;  // of a 64-bit number

    static std::string_view in_digits(std::uint64_t number, std::span<char, kMostDigits> digits) {
        std::size_t first = kMostDigits;
        do {
            digits[--first] = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        return {digits.data() + first, kMostDigits - first};
    }
    Text& put_real(float value);
    Text& put_decimal(std::string_view digits, int exponent);

    std::span<char> out_;
    std::size_t size_ = 0;
};

double times_ten_to(double value, int exponent) {
    double power = 1.0;
    for (int i = 0; i < exponent || i < -exponent; ++i) power *= 10.0;
    return exponent < 0 ? value / power : value * power;
}

// With the fewest digits, six at least, that are nearest to this float.
Text& Text::put_real(float value) {
    if (value < 0.0f) {
        *this << "-";
        value = -value;
    }
    if (value > std::numeric_limits<float>::max()) {
        return *this << "inf";
    }
    const double exact = value;
    int exponent = 0;
    while (exact >= times_ten_to(1.0, exponent + 1)) ++exponent;
    while (exact != 0.0 && exact < times_ten_to(1.0, exponent)) --exponent;
    std::uint64_t rounded = 0;
    for (int count = 6; count <= 9; ++count) {
        const int places = count - 1 - exponent;
        rounded = static_cast<std::uint64_t>(times_ten_to(exact, places) + 0.5);
        if (static_cast<float>(times_ten_to(static_cast<double>(rounded), -places)) != value)
            continue;
        if (rounded == static_cast<std::uint64_t>(times_ten_to(1.0, count))) ++exponent;
        break;
    }
    while (rounded != 0 && rounded % 10 == 0) rounded /= 10;
    std::array<char, kMostDigits> digits;
    return put_decimal(in_digits(rounded, digits), exponent);
}

// The first of the digits stands for a multiple of ten to the power of `exponent`.
Text& Text::put_decimal(std::string_view digits, int exponent) {
    constexpr std::string_view kZeros = "00000000";
    const bool scientific = exponent < -4 || exponent > 8;
    if (exponent < 0 && !scientific) {
        return *this << "0." << kZeros.substr(0, static_cast<std::size_t>(-exponent - 1)) << digits;
    }
    const std::size_t whole = scientific ? 1 : static_cast<std::size_t>(exponent) + 1;
    *this << digits.substr(0, whole);
    if (digits.size() < whole) *this << kZeros.substr(0, whole - digits.size());
    if (digits.size() > whole) *this << "." << digits.substr(whole);
    if (!scientific) return *this;
    *this << (exponent < 0 ? "e-" : "e+");
    return *this << static_cast<std::uint64_t>(exponent < 0 ? -exponent : exponent);
}

// How a fault is told: after the name of the field, or around the value, with the bound at the end.
struct Phrase {
    std::string_view before;
    std::string_view after = {};
    bool names_bound = false;
};

constexpr std::array<Phrase, 11> kPhrases{{
    {" is valid"},
    {" is missing"},
    {" has the wrong type"},
    {" is cut short"},
    {" is negative"},
    {": ", " is below ", true},
    {": ", " is above ", true},
    {" is not a number"},
    {": ", " has no meaning"},
    {": ", " bytes are more than ", true},
    {": ", " items are more than ", true},
}};
static_assert(kPhrases.size() == static_cast<std::size_t>(FieldFault::too_many) + 1);

}  // namespace

std::string_view describe(const FieldError& error, std::span<char> out) {
    const Phrase& phrase = kPhrases[static_cast<std::size_t>(error.fault)];
    Text text(out);
    text << (error.field.empty() ? std::string_view("params") : error.field) << phrase.before;
    if (!phrase.after.empty()) text << error.value << phrase.after;
    if (phrase.names_bound) text << error.bound;
    return text.view();
}

}  // namespace ugpt::rpc
