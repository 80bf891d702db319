// The image of a pretrained model, in a file or in flash: docs/model-image.md. Everything is used
// where it lies; nothing is copied.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/sha256.h"
#include "engine/infer.h"

namespace ugpt::store {

// What is wrong with an image.
enum class ImageFault : std::uint8_t {
    none,
    absent,       // it does not begin like an image
    newer,        // of a later version of the format
    misaligned,   // it does not begin at a multiple of 64 bytes
    header,       // the header is damaged or contradicts itself
    shape,        // no model can have this shape
    truncated,    // there are fewer bytes than the header says
    table,        // the table of tensors is damaged, or names a wrong tensor
    rope,         // the steps of the position embeddings are damaged
    vocabulary,   // the vocabulary is damaged, or of another size
    tensor,       // a tensor is damaged
    not_a_number  // a tensor has a value that is no finite number, or no weight of q8
};

class ModelImage {
  public:
    static constexpr std::uint32_t kVersion = 1;
    static constexpr std::size_t kAlignment = 64;
    static constexpr std::size_t kHeaderBytes = 512;

    // Whether these first bytes are those of an image.
    [[nodiscard]] static bool begins(std::span<const std::byte> bytes);
    // Reads an image from the beginning of `bytes`, which may be longer. After a fault the image is
    // not to be used. All but the digest is checked.
    [[nodiscard]] ImageFault open(std::span<const std::byte> bytes);
    // Which tensor the faults `table`, `tensor` and `not_a_number` mean.
    [[nodiscard]] std::uint32_t faulty_tensor() const { return faulty_tensor_; }

    [[nodiscard]] std::size_t size_bytes() const { return bytes_.size(); }
    [[nodiscard]] const engine::infer::Shape& shape() const { return shape_; }
    [[nodiscard]] float norm_epsilon() const { return norm_epsilon_; }
    [[nodiscard]] std::string_view name() const;
    [[nodiscard]] std::string_view licence() const;
    [[nodiscard]] std::span<const std::uint64_t> rope_steps() const { return rope_steps_; }
    [[nodiscard]] const engine::Vocabulary& vocabulary() const { return vocabulary_; }
    [[nodiscard]] engine::infer::Tensor tensor(std::uint32_t index) const;

    // As the header has it, and as the bytes give it.
    [[nodiscard]] base::Sha256::Digest digest() const;
    [[nodiscard]] base::Sha256::Digest computed_digest() const;

  private:
    ImageFault read_header(std::span<const std::byte> bytes);
    ImageFault read_table();
    ImageFault read_rope(std::size_t& end);
    ImageFault read_vocabulary(std::size_t& end);
    ImageFault read_tensors(std::size_t begin);

    std::span<const std::byte> bytes_;
    engine::infer::Shape shape_;
    float norm_epsilon_ = 0.0f;
    std::span<const std::uint64_t> rope_steps_;
    engine::Vocabulary vocabulary_;
    std::uint32_t table_crc_ = 0;
    std::uint32_t rope_crc_ = 0;
    std::uint32_t vocabulary_bytes_ = 0;
    std::uint32_t vocabulary_crc_ = 0;
    std::uint32_t faulty_tensor_ = 0;
};

}  // namespace ugpt::store
