#include "store/model_image.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "base/crc32.h"

namespace ugpt::store {

namespace {

using engine::infer::Format;
using engine::infer::Shape;
using engine::infer::Tensor;
using engine::infer::TensorSpec;

static_assert(std::endian::native == std::endian::little, "an image is used where it lies");

constexpr std::string_view kMagic = "uGPTmodl";
constexpr std::size_t kName = 96, kNameBytes = 64;
constexpr std::size_t kLicence = 160, kLicenceBytes = 256;
constexpr std::size_t kFirstGap = 80, kSecondGap = 416;
constexpr std::size_t kHeaderCrc = 476, kDigest = 480;
constexpr std::size_t kTableRow = 24;
constexpr std::uint32_t kTied = 1;

std::uint64_t aligned(std::uint64_t offset) {
    return (offset + ModelImage::kAlignment - 1) / ModelImage::kAlignment * ModelImage::kAlignment;
}

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

// `count` values from the beginning of `bytes`, which are left out of it.
template <typename T>
std::span<const T> take(std::span<const std::byte>& bytes, std::size_t count) {
    const auto* values = reinterpret_cast<const T*>(bytes.data());
    bytes = bytes.subspan(count * sizeof(T));
    return {values, count};
}

bool all_finite(const std::byte* data, std::size_t count) {
    const auto* values = reinterpret_cast<const float*>(data);
    return std::all_of(values, values + count, [](float value) { return std::isfinite(value); });
}

// Floats that are finite, and bytes that are weights from -127 to 127.
bool all_numbers(const Tensor& tensor) {
    const auto size = static_cast<std::size_t>(tensor.size_bytes());
    if (tensor.format != Format::q8) return all_finite(tensor.data, size / sizeof(float));
    const std::size_t stride = (tensor.cols + 3) / 4 * 4;
    const std::size_t scales = (tensor.cols + 255) / 256 * tensor.rows;
    const std::byte* weights = tensor.data + scales * sizeof(float);
    return all_finite(tensor.data, scales) &&
           std::find(weights, weights + tensor.rows * stride, std::byte{0}) ==
               weights + tensor.rows * stride;
}

struct TableRow {
    std::uint32_t format, rows, cols, offset, size_bytes, crc;
};

TableRow table_row(std::span<const std::byte> image, std::uint32_t index) {
    base::ByteReader in(image.subspan(ModelImage::kHeaderBytes + index * kTableRow, kTableRow));
    TableRow row{};
    row.format = in.u32();
    row.rows = in.u32();
    row.cols = in.u32();
    row.offset = in.u32();
    row.size_bytes = in.u32();
    row.crc = in.u32();
    return row;
}

bool names(const TableRow& row, const TensorSpec& spec) {
    if (row.format > static_cast<std::uint32_t>(Format::q8)) return false;
    const auto format = static_cast<Format>(row.format);
    return (format == Format::vector) == spec.is_norm && row.rows == spec.rows &&
           row.cols == spec.cols && row.size_bytes == spec.size_bytes(format);
}

}  // namespace

ImageFault ModelImage::open(std::span<const std::byte> bytes) {
    faulty_tensor_ = 0;
    std::size_t end = 0;
    if (const auto fault = read_header(bytes); fault != ImageFault::none) return fault;
    if (const auto fault = read_table(); fault != ImageFault::none) return fault;
    if (const auto fault = read_rope(end); fault != ImageFault::none) return fault;
    if (const auto fault = read_vocabulary(end); fault != ImageFault::none) return fault;
    return read_tensors(end);
}

bool ModelImage::begins(std::span<const std::byte> bytes) {
    return bytes.size() >= kMagic.size() && text_in(bytes.first(kMagic.size())) == kMagic;
}

ImageFault ModelImage::read_header(std::span<const std::byte> bytes) {
    if (bytes.size() < kHeaderBytes || !begins(bytes)) return ImageFault::absent;
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % kAlignment != 0)
        return ImageFault::misaligned;
    base::ByteReader in(bytes.subspan(kMagic.size(), kName - kMagic.size()));
    const std::uint32_t version = in.u32();
    base::ByteReader crc(bytes.subspan(kHeaderCrc, 4));
    if (crc.u32() != base::crc32(bytes.first(kHeaderCrc))) return ImageFault::header;
    if (version != kVersion) return version > kVersion ? ImageFault::newer : ImageFault::header;

    const std::uint32_t size = in.u32();
    for (std::uint32_t Shape::* part :
         {&Shape::n_layer, &Shape::n_embd, &Shape::n_head, &Shape::n_kv_head, &Shape::n_hidden,
          &Shape::vocab_size, &Shape::context})
        shape_.*part = in.u32();
    const std::uint32_t flags = in.u32();
    shape_.tied_classifier = (flags & kTied) != 0;
    norm_epsilon_ = in.f32();
    const std::uint32_t bos = in.u32(), eos = in.u32(), first_byte = in.u32();
    table_crc_ = in.u32();
    rope_crc_ = in.u32();
    vocabulary_bytes_ = in.u32();
    vocabulary_crc_ = in.u32();
    if (!shape_.valid()) return ImageFault::shape;
    if ((flags & ~kTied) != 0 || !(norm_epsilon_ >= 0x1p-100f && norm_epsilon_ <= 1.0f) ||
        bos >= shape_.vocab_size || eos >= shape_.vocab_size || first_byte >= shape_.vocab_size ||
        !is_text(bytes.subspan(kName, kNameBytes)) ||
        !is_text(bytes.subspan(kLicence, kLicenceBytes)) ||
        !all_zero(bytes.subspan(kFirstGap, kName - kFirstGap)) ||
        !all_zero(bytes.subspan(kSecondGap, kHeaderCrc - kSecondGap)))
        return ImageFault::header;
    if (size < kHeaderBytes || size > bytes.size()) return ImageFault::truncated;
    vocabulary_.bos = static_cast<engine::Token>(bos);
    vocabulary_.eos = static_cast<engine::Token>(eos);
    vocabulary_.first_byte = static_cast<engine::Token>(first_byte);
    bytes_ = bytes.first(size);
    return ImageFault::none;
}

ImageFault ModelImage::read_table() {
    const std::size_t size = shape_.tensor_count() * kTableRow;
    if (size > bytes_.size() - kHeaderBytes) return ImageFault::truncated;
    if (base::crc32(bytes_.subspan(kHeaderBytes, size)) != table_crc_) return ImageFault::table;
    for (std::uint32_t i = 0; i < shape_.tensor_count(); ++i) {
        faulty_tensor_ = i;
        if (!names(table_row(bytes_, i), spec_of(shape_, i))) return ImageFault::table;
    }
    return ImageFault::none;
}

ImageFault ModelImage::read_rope(std::size_t& end) {
    const std::uint64_t begin = aligned(kHeaderBytes + shape_.tensor_count() * kTableRow);
    const std::size_t pairs = shape_.head_dim() / 2;
    end = static_cast<std::size_t>(begin + pairs * sizeof(std::uint64_t));
    if (end > bytes_.size()) return ImageFault::truncated;
    auto steps = bytes_.subspan(static_cast<std::size_t>(begin), end - begin);
    if (base::crc32(steps) != rope_crc_) return ImageFault::rope;
    rope_steps_ = take<std::uint64_t>(steps, pairs);
    return ImageFault::none;
}

ImageFault ModelImage::read_vocabulary(std::size_t& end) {
    const std::size_t count = shape_.vocab_size;
    const std::size_t sorted_bytes = (count * sizeof(engine::Token) + 3) / 4 * 4;
    const std::size_t fixed = count * 4 + (count + 1) * 4 + sorted_bytes;
    const std::uint64_t begin = aligned(end);
    if (vocabulary_bytes_ < fixed) return ImageFault::vocabulary;
    if (begin + vocabulary_bytes_ > bytes_.size()) return ImageFault::truncated;
    auto section = bytes_.subspan(static_cast<std::size_t>(begin), vocabulary_bytes_);
    end = static_cast<std::size_t>(begin + vocabulary_bytes_);
    if (base::crc32(section) != vocabulary_crc_) return ImageFault::vocabulary;
    vocabulary_.scores = take<float>(section, count);
    vocabulary_.offsets = take<std::uint32_t>(section, count + 1);
    vocabulary_.sorted = std::span(reinterpret_cast<const engine::Token*>(section.data()), count);
    vocabulary_.bytes = section.subspan(sorted_bytes);
    return vocabulary_.valid() ? ImageFault::none : ImageFault::vocabulary;
}

ImageFault ModelImage::read_tensors(std::size_t begin) {
    std::uint64_t end = begin;
    for (std::uint32_t i = 0; i < shape_.tensor_count(); ++i) {
        faulty_tensor_ = i;
        const TableRow row = table_row(bytes_, i);
        const std::uint64_t offset = aligned(end);
        if (row.offset != offset) return ImageFault::table;
        end = offset + row.size_bytes;
        if (end > bytes_.size()) return ImageFault::truncated;
        if (base::crc32(bytes_.subspan(row.offset, row.size_bytes)) != row.crc)
            return ImageFault::tensor;
        if (!all_numbers(tensor(i))) return ImageFault::not_a_number;
    }
    return end == bytes_.size() ? ImageFault::none : ImageFault::truncated;
}

Tensor ModelImage::tensor(std::uint32_t index) const {
    const TableRow row = table_row(bytes_, index);
    return {.format = static_cast<Format>(row.format),
            .rows = row.rows,
            .cols = row.cols,
            .data = bytes_.data() + row.offset};
}

std::string_view ModelImage::name() const {
    return text_in(bytes_.subspan(kName, kNameBytes));
}

std::string_view ModelImage::licence() const {
    return text_in(bytes_.subspan(kLicence, kLicenceBytes));
}

base::Sha256::Digest ModelImage::digest() const {
    base::Sha256::Digest digest;
    std::memcpy(digest.data(), bytes_.data() + kDigest, digest.size());
    return digest;
}

base::Sha256::Digest ModelImage::computed_digest() const {
    base::Sha256 sha;
    sha.update(bytes_.first(kDigest));
    sha.update(bytes_.subspan(kHeaderBytes));
    return sha.finish();
}

}  // namespace ugpt::store
