// A knock outside of all frames: a line of text, for lines that pass no frame at all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ugpt::app {

class PlainKnock {
  public:
    // Whether this byte ends one. A byte above 127 counts as the letter to which a parity bit was
    // added.
    bool hear(std::uint8_t byte) {
        const char letter = static_cast<char>(byte & 0x7F);
        const bool whole = count_ == kText.size();
        if (whole || letter != kText[count_]) count_ = 0;
        if (letter == kText[count_]) heard_[count_++] = byte;
        return whole && (letter == '\r' || letter == '\n');
    }

    // The latest one as it came, without its end.
    [[nodiscard]] std::span<const std::uint8_t> heard() const { return heard_; }

  private:
    static constexpr std::string_view kText = "ugpt plain?";

    std::array<std::uint8_t, kText.size()> heard_{};
    std::size_t count_ = 0;
};

}  // namespace ugpt::app
