#include "store/image_header.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/crc32.h"

namespace ugpt::store {
namespace {

using engine::infer::Shape;

constexpr std::string_view kMagic = "uGPTmodl";
constexpr std::size_t kName = 96, kNameBytes = 64;
constexpr std::size_t kLicence = 160, kLicenceBytes = 256;
constexpr std::size_t kFirstGap = 80, kSecondGap = 416;
constexpr std::size_t kCrc = 476, kDigest = 480;
constexpr std::uint32_t kTied = 1;

bool all_zero(std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

// A text in a field that zeros fill up.
std::string_view text_in(std::span<const std::byte> field) {
    const auto* text = reinterpret_cast<const char*>(field.data());
    return {text, strnlen(text, field.size())};
}

bool is_text(std::span<const std::byte> field) {
    const std::string_view text = text_in(field);
    const bool printable = std::ranges::none_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    return printable && text.size() < field.size() && all_zero(field.subspan(text.size()));
}

}  // namespace

ImageFault ImageHeader::read(std::span<const std::byte> bytes) {
    if (bytes.size() < kBytes || text_in(bytes.first(kMagic.size())) != kMagic)
        return ImageFault::absent;
    base::ByteReader in(bytes.subspan(kMagic.size(), kName - kMagic.size()));
    const std::uint32_t version = in.u32();
    base::ByteReader crc(bytes.subspan(kCrc, 4));
    if (crc.u32() != base::crc32(bytes.first(kCrc))) return ImageFault::header;
    if (version != kVersion) return version > kVersion ? ImageFault::newer : ImageFault::header;

    size_bytes = in.u32();
    for (std::uint32_t Shape::* part :
         {&Shape::n_layer, &Shape::n_embd, &Shape::n_head, &Shape::n_kv_head, &Shape::n_hidden,
          &Shape::vocab_size, &Shape::context})
        shape.*part = in.u32();
    const std::uint32_t flags = in.u32();
    shape.tied_classifier = (flags & kTied) != 0;
    norm_epsilon = in.f32();
    const std::uint32_t tokens[]{in.u32(), in.u32(), in.u32()};
    table_crc = in.u32();
    rope_crc = in.u32();
    vocabulary_bytes = in.u32();
    vocabulary_crc = in.u32();
    if (!shape.valid()) return ImageFault::shape;
    const auto outside = [this](std::uint32_t token) { return token >= shape.vocab_size; };
    if ((flags & ~kTied) != 0 || !(norm_epsilon >= 0x1p-100f && norm_epsilon <= 1.0f) ||
        std::ranges::any_of(tokens, outside) || !is_text(bytes.subspan(kName, kNameBytes)) ||
        !is_text(bytes.subspan(kLicence, kLicenceBytes)) ||
        !all_zero(bytes.subspan(kFirstGap, kName - kFirstGap)) ||
        !all_zero(bytes.subspan(kSecondGap, kCrc - kSecondGap)))
        return ImageFault::header;
    if (size_bytes < kBytes) return ImageFault::truncated;
    bos = static_cast<engine::Token>(tokens[0]);
    eos = static_cast<engine::Token>(tokens[1]);
    first_byte = static_cast<engine::Token>(tokens[2]);
    name = text_in(bytes.subspan(kName, kNameBytes));
    licence = text_in(bytes.subspan(kLicence, kLicenceBytes));
    std::memcpy(digest.data(), bytes.data() + kDigest, digest.size());
    return ImageFault::none;
}

base::Sha256::Digest image_digest(std::span<const std::byte> header,
                                  std::span<const std::byte> content) {
    base::Sha256 sha;
    sha.update(header.first(kDigest));
    sha.update(content);
    return sha.finish();
}

}  // namespace ugpt::store
