// Images of pretrained models for the tests, small and made by other code than reads them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "app/fakes.h"
#include "base/bytes.h"
#include "base/crc32.h"
#include "check.h"
#include "engine/engine.h"
#include "store/image_header.h"
#include "store/model_store.h"

namespace ugpt::test {

inline constexpr engine::infer::Shape kImageShape{.n_layer = 1,
                                                  .n_embd = 4,
                                                  .n_head = 2,
                                                  .n_kv_head = 1,
                                                  .n_hidden = 4,
                                                  .vocab_size = 259,
                                                  .context = 8,
                                                  .tied_classifier = true};

// What an image is put together from (docs/model-image.md).
class ImageBytes {
  public:
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    void align() { bytes_.resize((bytes_.size() + 63) / 64 * 64); }
    void zeros(std::size_t count) { bytes_.resize(bytes_.size() + count); }
    void u8(std::uint32_t value) { bytes_.push_back(static_cast<std::byte>(value)); }
    void u16(std::uint32_t value) { u8(value), u8(value >> 8); }
    void u32(std::uint32_t value) { u16(value), u16(value >> 16); }
    void f32(float value) { u32(std::bit_cast<std::uint32_t>(value)); }
    void text(std::string_view value, std::size_t field_bytes) {
        for (const char c : value) u8(static_cast<std::uint8_t>(c));
        zeros(field_bytes - value.size());
    }
    void append(const ImageBytes& other) {
        bytes_.insert(bytes_.end(), other.bytes_.begin(), other.bytes_.end());
    }
    [[nodiscard]] std::uint32_t crc_from(std::size_t begin) const {
        return base::crc32(std::span<const std::byte>(bytes_).subspan(begin));
    }
    std::vector<std::byte>& bytes() { return bytes_; }

  private:
    std::vector<std::byte> bytes_;
};

// Every token is the two bytes of its number, which are in order.
inline ImageBytes image_vocabulary() {
    ImageBytes out;
    const std::uint32_t count = kImageShape.vocab_size;
    for (std::uint32_t i = 0; i < count; ++i) out.f32(-static_cast<float>(i));
    for (std::uint32_t i = 0; i <= count; ++i) out.u32(2 * i);
    for (std::uint32_t i = 0; i < count; ++i) out.u16(i);
    if (count % 2 != 0) out.u16(0);
    for (std::uint32_t i = 0; i < count; ++i) out.u8(i >> 8), out.u8(i);
    return out;
}

// A model whose weights are multiples of `weight`.
inline std::vector<std::byte> make_image(std::string_view name, float weight,
                                         std::uint32_t context = kImageShape.context) {
    using engine::infer::Format;
    const std::uint32_t tensors = kImageShape.tensor_count();
    constexpr std::size_t kRowBytes = 24;
    const ImageBytes vocabulary = image_vocabulary();
    ImageBytes content;  // of the whole image, with zeros for the header and the table
    content.zeros(store::ImageHeader::kBytes + tensors * kRowBytes);
    content.align();
    const std::size_t rope = content.size();
    content.u32(1), content.u32(0);
    const std::uint32_t rope_crc = content.crc_from(rope);
    content.align();
    content.append(vocabulary);
    ImageBytes table;
    for (std::uint32_t i = 0; i < tensors; ++i) {
        const engine::infer::TensorSpec spec = spec_of(kImageShape, i);
        const Format format = spec.is_norm ? Format::vector : Format::f32;
        content.align();
        const std::size_t begin = content.size();
        const auto size = static_cast<std::uint32_t>(spec.size_bytes(format));
        for (std::uint32_t value = 0; value < size / sizeof(float); ++value)
            content.f32(weight * static_cast<float>(value % 7));
        for (const std::uint32_t field :
             {static_cast<std::uint32_t>(format), spec.rows, spec.cols,
              static_cast<std::uint32_t>(begin), size, content.crc_from(begin)})
            table.u32(field);
    }
    ImageBytes header;
    header.text("uGPTmodl", 8);
    header.u32(store::ImageHeader::kVersion);
    header.u32(static_cast<std::uint32_t>(content.size()));
    for (const std::uint32_t part :
         {kImageShape.n_layer, kImageShape.n_embd, kImageShape.n_head, kImageShape.n_kv_head,
          kImageShape.n_hidden, kImageShape.vocab_size, context})
        header.u32(part);
    header.u32(1);  // a tied classifier
    header.f32(1e-5f);
    header.u32(1), header.u32(2), header.u32(3);  // BOS, EOS, byte 0
    header.u32(table.crc_from(0));
    header.u32(rope_crc);
    header.u32(static_cast<std::uint32_t>(vocabulary.size()));
    header.u32(vocabulary.crc_from(0));
    header.zeros(96 - header.size());
    header.text(name, 64);
    header.text("MIT", 256);
    header.zeros(476 - header.size());
    header.u32(header.crc_from(0));
    std::ranges::copy(table.bytes(), content.bytes().begin() + store::ImageHeader::kBytes);
    const auto digest = store::image_digest(
        header.bytes(),
        std::span<const std::byte>(content.bytes()).subspan(store::ImageHeader::kBytes));
    for (const std::uint8_t byte : digest) header.u8(byte);
    std::ranges::copy(header.bytes(), content.bytes().begin());
    return content.bytes();
}

inline void put_image(MemoryFlash& flash, std::span<const std::byte> image) {
    constexpr std::uint32_t kHeaderBytes = store::ModelStore::kHeaderBytes;
    store::ModelStore models(flash);
    bool resumed = false;
    std::uint32_t missing_bytes = 0;
    CHECK(models.begin(image.first(kHeaderBytes), resumed, missing_bytes) == store::Result::ok);
    CHECK(models.write(kHeaderBytes, image.subspan(kHeaderBytes)) == store::Result::ok);
    CHECK(models.commit().result == store::Result::ok);
}

}  // namespace ugpt::test
