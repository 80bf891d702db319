// SHA-256 against the examples of its standard, whole and in pieces.
#include <algorithm>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "check.h"

using namespace ugpt;

namespace {

// In hex, of a text that arrives `piece` bytes at a time.
std::string digest(std::string_view text, std::size_t piece) {
    base::Sha256 sha256;
    for (auto rest = std::as_bytes(std::span(text)); !rest.empty();) {
        const auto part = rest.first(std::min(piece, rest.size()));
        sha256.update(part);
        rest = rest.subspan(part.size());
    }
    std::string hex;
    for (const std::uint8_t byte : sha256.finish())
        for (const int shift : {4, 0}) hex += "0123456789abcdef"[byte >> shift & 15];
    return hex;
}

}  // namespace

TEST(the_examples_of_the_standard_come_out) {
    for (const std::size_t piece : {1u, 3u, 55u, 64u, 1000u}) {
        CHECK(digest("", piece) ==
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        CHECK(digest("abc", piece) ==
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        CHECK(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", piece) ==
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        CHECK(digest(std::string(1'000'000, 'a'), piece) ==
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}

TEST(every_length_around_a_block_ends_alike_in_pieces) {
    for (std::size_t size = 50; size < 140; ++size) {
        const std::string text(size, 'x');
        CHECK(digest(text, 1) == digest(text, size));
    }
}
