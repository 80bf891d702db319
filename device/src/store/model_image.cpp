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

constexpr std::size_t kTableRow = 24;

std::uint64_t aligned(std::uint64_t offset) {
    return (offset + ModelImage::kAlignment - 1) / ModelImage::kAlignment * ModelImage::kAlignment;
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
    base::ByteReader in(image.subspan(ImageHeader::kBytes + index * kTableRow, kTableRow));
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

ImageFault ModelImage::open(std::span<const std::byte> header, std::span<const std::byte> bytes) {
    faulty_tensor_ = 0;
    if (const auto fault = header_.read(header); fault != ImageFault::none) return fault;
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % kAlignment != 0)
        return ImageFault::misaligned;
    if (header_.size_bytes > bytes.size()) return ImageFault::truncated;
    header_bytes_ = header.first(ImageHeader::kBytes);
    bytes_ = bytes.first(header_.size_bytes);
    std::size_t end = 0;
    if (const auto fault = read_table(); fault != ImageFault::none) return fault;
    if (const auto fault = read_rope(end); fault != ImageFault::none) return fault;
    if (const auto fault = read_vocabulary(end); fault != ImageFault::none) return fault;
    return read_tensors(end);
}

ImageFault ModelImage::read_table() {
    const std::size_t size = header_.shape.tensor_count() * kTableRow;
    if (size > bytes_.size() - ImageHeader::kBytes) return ImageFault::truncated;
    if (base::crc32(bytes_.subspan(ImageHeader::kBytes, size)) != header_.table_crc)
        return ImageFault::table;
    for (std::uint32_t i = 0; i < header_.shape.tensor_count(); ++i) {
        faulty_tensor_ = i;
        if (!names(table_row(bytes_, i), spec_of(header_.shape, i))) return ImageFault::table;
    }
    return ImageFault::none;
}

ImageFault ModelImage::read_rope(std::size_t& end) {
    const std::uint64_t begin =
        aligned(ImageHeader::kBytes + header_.shape.tensor_count() * kTableRow);
    const std::size_t pairs = header_.shape.head_dim() / 2;
    end = static_cast<std::size_t>(begin + pairs * sizeof(std::uint64_t));
    if (end > bytes_.size()) return ImageFault::truncated;
    auto steps = bytes_.subspan(static_cast<std::size_t>(begin), end - begin);
    if (base::crc32(steps) != header_.rope_crc) return ImageFault::rope;
    rope_steps_ = take<std::uint64_t>(steps, pairs);
    return ImageFault::none;
}

ImageFault ModelImage::read_vocabulary(std::size_t& end) {
    const std::size_t count = header_.shape.vocab_size;
    const std::size_t sorted_bytes = (count * sizeof(engine::Token) + 3) / 4 * 4;
    const std::size_t fixed = count * 4 + (count + 1) * 4 + sorted_bytes;
    const std::uint64_t begin = aligned(end);
    if (header_.vocabulary_bytes < fixed) return ImageFault::vocabulary;
    if (begin + header_.vocabulary_bytes > bytes_.size()) return ImageFault::truncated;
    auto section = bytes_.subspan(static_cast<std::size_t>(begin), header_.vocabulary_bytes);
    end = static_cast<std::size_t>(begin + header_.vocabulary_bytes);
    if (base::crc32(section) != header_.vocabulary_crc) return ImageFault::vocabulary;
    vocabulary_.scores = take<float>(section, count);
    vocabulary_.offsets = take<std::uint32_t>(section, count + 1);
    vocabulary_.sorted = std::span(reinterpret_cast<const engine::Token*>(section.data()), count);
    vocabulary_.bytes = section.subspan(sorted_bytes);
    vocabulary_.bos = header_.bos;
    vocabulary_.eos = header_.eos;
    vocabulary_.first_byte = header_.first_byte;
    return vocabulary_.valid() ? ImageFault::none : ImageFault::vocabulary;
}

ImageFault ModelImage::read_tensors(std::size_t begin) {
    std::uint64_t end = begin;
    for (std::uint32_t i = 0; i < header_.shape.tensor_count(); ++i) {
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

base::Sha256::Digest ModelImage::computed_digest() const {
    return image_digest(header_bytes_, bytes_.subspan(ImageHeader::kBytes));
}

}  // namespace ugpt::store
