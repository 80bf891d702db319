// The image of a pretrained model, in a file or in flash: docs/model-image.md. Everything is used
// where it lies; nothing is copied.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/sha256.h"
#include "engine/engine.h"
#include "store/image_header.h"

namespace ugpt::store {

class ModelImage {
  public:
    static constexpr std::size_t kAlignment = 64;

    // Reads an image from the beginning of `bytes`, which may be longer. After a fault the image is
    // not to be used. All but the digest is checked.
    [[nodiscard]] ImageFault open(std::span<const std::byte> bytes) { return open(bytes, bytes); }
    // The same of an image whose header does not lie before the rest of it yet.
    [[nodiscard]] ImageFault open(std::span<const std::byte> header,
                                  std::span<const std::byte> bytes);
    // Which tensor the faults `table`, `tensor` and `not_a_number` mean.
    [[nodiscard]] std::uint32_t faulty_tensor() const { return faulty_tensor_; }

    [[nodiscard]] const ImageHeader& header() const { return header_; }
    [[nodiscard]] std::span<const std::byte> header_bytes() const { return header_bytes_; }
    [[nodiscard]] std::size_t size_bytes() const { return header_.size_bytes; }
    [[nodiscard]] const engine::infer::Shape& shape() const { return header_.shape; }
    [[nodiscard]] float norm_epsilon() const { return header_.norm_epsilon; }
    [[nodiscard]] std::string_view name() const { return header_.name; }
    [[nodiscard]] std::string_view licence() const { return header_.licence; }
    [[nodiscard]] std::span<const std::uint64_t> rope_steps() const { return rope_steps_; }
    [[nodiscard]] const engine::Vocabulary& vocabulary() const { return vocabulary_; }
    [[nodiscard]] engine::infer::Tensor tensor(std::uint32_t index) const;
    // As the header has it, and as the bytes give it.
    [[nodiscard]] base::Sha256::Digest digest() const { return header_.digest; }
    [[nodiscard]] base::Sha256::Digest computed_digest() const;

  private:
    ImageFault read_table();
    ImageFault read_rope(std::size_t& end);
    ImageFault read_vocabulary(std::size_t& end);
    ImageFault read_tensors(std::size_t begin);

    ImageHeader header_;
    std::span<const std::byte> header_bytes_;
    std::span<const std::byte> bytes_;  // the whole image; its header may lie elsewhere
    std::span<const std::uint64_t> rope_steps_;
    engine::Vocabulary vocabulary_;
    std::uint32_t faulty_tensor_ = 0;
};

}  // namespace ugpt::store
