#include "engine/tokenizer.h"

#include <algorithm>
#include <cstring>

#include "engine/numeric/bits.h"

namespace ugpt::engine {

namespace {

constexpr std::size_t kBytes = 256;
constexpr std::size_t kLongestCharacter = 4;  // of UTF-8, in bytes
constexpr Token kNone = 0xffff;
constexpr float kLeastScore = -1e10f;  // pieces with a lower one are never merged

// The sign of `piece` compared with `first` followed by `second`, byte by byte.
int compare(std::string_view piece, std::string_view first, std::string_view second) {
    const std::size_t common = std::min(piece.size(), first.size());
    if (const int order = std::memcmp(piece.data(), first.data(), common); order != 0) {
        return order;
    }
    return piece.size() < first.size() ? -1 : piece.substr(first.size()).compare(second);
}

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool continues(char c) {
    return (static_cast<std::uint8_t>(c) & 0xc0u) == 0x80;
}

// The bytes from `at` on that are looked up as one character.
std::size_t character_length(std::string_view text, std::size_t at) {
    std::size_t length = 1;
    while (length < kLongestCharacter && at + length < text.size() && continues(text[at + length]))
        ++length;
    return length;
}

// Appends the token of every character, or those of its bytes where it has none.
class Appender {
  public:
    explicit Appender(std::span<Token> tokens) : tokens_(tokens) {}

    void add(Token token) { tokens_[count_++] = token; }
    void add_character(const Vocabulary& vocabulary, std::string_view character) {
        if (const auto token = vocabulary.find(character)) {
            add(*token);
            return;
        }
        for (const char c : character)
            add(static_cast<Token>(vocabulary.first_byte + static_cast<std::uint8_t>(c)));
    }
    [[nodiscard]] std::size_t count() const { return count_; }

  private:
    std::span<Token> tokens_;
    std::size_t count_ = 0;
};

// Merges the pair with the best score, the first of several, until none can be merged. merged[i]
// is what tokens[i] and tokens[i + 1] would become, so that each pair is looked up once.
std::size_t merge(const Vocabulary& vocabulary, std::span<Token> tokens, std::span<Token> merged) {
    std::size_t count = tokens.size();
    const auto look_up = [&](std::size_t i) {
        const auto found =
            vocabulary.find(vocabulary.piece(tokens[i]), vocabulary.piece(tokens[i + 1]));
        merged[i] = found.value_or(kNone);
    };
    for (std::size_t i = 0; i + 1 < count; ++i) look_up(i);
    for (;;) {
        float best_score = kLeastScore;
        std::size_t best = count;
        for (std::size_t i = 0; i + 1 < count; ++i) {
            if (merged[i] != kNone && vocabulary.scores[merged[i]] > best_score) {
                best_score = vocabulary.scores[merged[i]];
                best = i;
            }
        }
        if (best == count) return count;
        tokens[best] = merged[best];
        --count;
        for (std::size_t i = best + 1; i < count; ++i) {
            tokens[i] = tokens[i + 1];
            merged[i] = merged[i + 1];
        }
        if (best > 0) look_up(best - 1);
        if (best + 1 < count) look_up(best);
    }
}

}  // namespace

bool Vocabulary::valid() const {
    const std::size_t count = size();
    if (count == 0 || count >= kNone || offsets.size() != count + 1 || sorted.size() != count ||
        bos >= count || eos >= count || first_byte + kBytes > count)
        return false;
    if (offsets[0] != 0 || offsets[count] > bytes.size()) return false;
    for (std::size_t i = 0; i < count; ++i)
        if (!is_finite(scores[i]) || offsets[i] >= offsets[i + 1]) return false;
    for (std::size_t i = 0; i < count; ++i) {
        if (sorted[i] >= count) return false;
        if (i > 0 && compare(piece(sorted[i - 1]), piece(sorted[i]), {}) >= 0) return false;
    }
    return true;
}

std::string_view Vocabulary::piece(Token token) const {
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    return {text + offsets[token], offsets[token + 1u] - offsets[token]};
}

std::optional<Token> Vocabulary::find(std::string_view first, std::string_view second) const {
    const auto found = std::ranges::lower_bound(sorted, 0, {}, [&](Token token) {
        return compare(piece(token), first, second) < 0 ? -1 : 0;
    });
    if (found == sorted.end() || compare(piece(*found), first, second) != 0) return std::nullopt;
    return *found;
}

std::optional<std::uint8_t> Vocabulary::byte_of(Token token) const {
    const std::string_view text = piece(token);
    if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
    const int high = digit_of(text[3]), low = digit_of(text[4]);
    if (high < 0 || low < 0) return std::nullopt;
    return static_cast<std::uint8_t>(high * 16 + low);
}

std::size_t encode(const Vocabulary& vocabulary, std::string_view text, std::span<Token> tokens,
                   std::span<Token> merged) {
    Appender appender(tokens);
    appender.add(vocabulary.bos);
    if (!text.empty()) appender.add_character(vocabulary, " ");
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_length(text, at);
        appender.add_character(vocabulary, text.substr(at, length));
        at += length;
    }
    return merge(vocabulary, tokens.first(appender.count()), merged);
}

std::string_view decode(const Vocabulary& vocabulary, Token previous, Token token, char& byte) {
    if (const auto value = vocabulary.byte_of(token)) {
        byte = static_cast<char>(*value);
        return {&byte, 1};
    }
    std::string_view text = vocabulary.piece(token);
    if (previous == vocabulary.bos && text.starts_with(' ')) text.remove_prefix(1);
    return text;
}

void Utf8Stream::give(std::string_view text) {
    std::memcpy(out_.data() + given_, text.data(), text.size());
    given_ += text.size();
}

std::string_view Utf8Stream::put(char byte) {
    static constexpr std::string_view kReplacement = "\xef\xbf\xbd";
    const auto value = static_cast<std::uint8_t>(byte);
    given_ = 0;
    if (have_ > 0) {
        if (value >= least_ && value <= most_) {
            part_[have_++] = byte;
            least_ = 0x80;
            most_ = 0xbf;
            if (have_ == want_) {
                give({part_.data(), have_});
                have_ = 0;
            }
            return {out_.data(), given_};
        }
        give(kReplacement);
        have_ = 0;
    }
    least_ = 0x80;
    most_ = 0xbf;
    if (value < 0x80) {
        give({&byte, 1});
        return {out_.data(), given_};
    }
    if (value < 0xc2 || value > 0xf4) {
        give(kReplacement);
        return {out_.data(), given_};
    }
    // Overlong forms, surrogates and what lies behind U+10FFFF show in the second byte.
    want_ = value < 0xe0 ? 2 : value < 0xf0 ? 3 : 4;
    if (value == 0xe0) least_ = 0xa0;
    if (value == 0xed) most_ = 0x9f;
    if (value == 0xf0) least_ = 0x90;
    if (value == 0xf4) most_ = 0x8f;
    part_[0] = byte;
    have_ = 1;
    return {out_.data(), given_};
}

std::string_view Utf8Stream::finish() {
    given_ = 0;
    if (have_ > 0) give("\xef\xbf\xbd");
    have_ = 0;
    return {out_.data(), given_};
}

}  // namespace ugpt::engine
