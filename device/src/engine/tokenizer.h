// Text to tokens and back: byte-pair encoding with byte fall-back, as llama2.c does it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/config.h"

namespace ugpt::engine {

// The pieces of a vocabulary where they lie: in memory, or in flash that is mapped.
struct Vocabulary {
    std::span<const float> scores;           // the higher, the sooner two pieces become this one
    std::span<const std::uint32_t> offsets;  // of each piece in `bytes`, and of the end
    std::span<const Token> sorted;           // the tokens by their pieces, in the order of bytes
    std::span<const std::byte> bytes;
    Token bos = 1;
    Token eos = 2;
    Token first_byte = 3;  // the token of byte 0; those of the other 255 follow

    [[nodiscard]] std::size_t size() const { return scores.size(); }
    // Offsets that ascend and stay within `bytes`, scores that are numbers, no two pieces alike,
    // and the tokens named here in the vocabulary. What follows is for vocabularies that are valid.
    [[nodiscard]] bool valid() const;
    [[nodiscard]] std::string_view piece(Token token) const;
    // The token whose piece is `first` followed by `second`.
    [[nodiscard]] std::optional<Token> find(std::string_view first,
                                            std::string_view second = {}) const;
    // The byte that a piece such as "<0x0A>" stands for.
    [[nodiscard]] std::optional<std::uint8_t> byte_of(Token token) const;
};

// Writes the tokens of `text`, BOS first, and returns how many they are. A blank is put before a
// text that is not empty. `tokens` and `merged` have room for `most_tokens(text)` each; `merged`
// is scratch memory. The text may be any bytes.
[[nodiscard]] std::size_t encode(const Vocabulary& vocabulary, std::string_view text,
                                 std::span<Token> tokens, std::span<Token> merged);
// While it is encoded, a text has at most as many tokens.
[[nodiscard]] constexpr std::size_t most_tokens(std::string_view text) {
    return text.size() + 2;
}

// The text of a token after `previous`: a blank behind BOS is left out. A byte is in `byte`, which
// the result may show.
[[nodiscard]] std::string_view decode(const Vocabulary& vocabulary, Token previous, Token token,
                                      char& byte);

// Cuts a stream of bytes into whole characters of UTF-8. What is no UTF-8 becomes U+FFFD, one for
// each maximal part of a character, as the Unicode standard recommends.
class Utf8Stream {
  public:
    // Takes a byte and returns what can be shown now: at most two characters, valid until the next
    // call.
    [[nodiscard]] std::string_view put(char byte);
    // What is left at the end of a text: nothing, or U+FFFD for a character that was cut off.
    [[nodiscard]] std::string_view finish();

  private:
    void give(std::string_view text);

    std::array<char, 8> out_{};
    std::size_t given_ = 0;
    std::array<char, 4> part_{};  // of a character that is not whole yet
    std::size_t have_ = 0;
    std::size_t want_ = 0;
    // What the next byte may be.
    std::uint8_t least_ = 0x80;
    std::uint8_t most_ = 0xbf;
};

}  // namespace ugpt::engine
