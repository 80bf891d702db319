// The header of a model's image: docs/model-image.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/sha256.h"
#include "engine/engine.h"

namespace ugpt::store {

// What is wrong with an image.
enum class ImageFault : std::uint8_t {
    none,
    absent,        // it does not begin like an image
    newer,         // of a later version of the format
    misaligned,    // it does not begin at a multiple of 64 bytes
    header,        // the header is damaged or contradicts itself
    shape,         // no model can have this shape
    truncated,     // there are fewer bytes than the header says
    table,         // the table of tensors is damaged, or names a wrong tensor
    rope,          // the steps of the position embeddings are damaged
    vocabulary,    // the vocabulary is damaged, or of another size
    tensor,        // a tensor is damaged
    not_a_number,  // a tensor has a value that is not a finite number, or no weight of q8
    digest         // the bytes are not those of which the header has the digest
};

struct ImageHeader {
    static constexpr std::size_t kBytes = 512;
    static constexpr std::uint32_t kVersion = 1;

    std::uint32_t size_bytes = 0;  // of the image
    engine::infer::Shape shape;
    float norm_epsilon = 0.0f;
    engine::Token bos = 0;
    engine::Token eos = 0;
    engine::Token first_byte = 0;
    std::uint32_t table_crc = 0;
    std::uint32_t rope_crc = 0;
    std::uint32_t vocabulary_bytes = 0;
    std::uint32_t vocabulary_crc = 0;
    std::string_view name;  // it and the licence lie in the bytes that were read
    std::string_view licence;
    base::Sha256::Digest digest{};

    // Reads it from the beginning of `bytes`. After a fault it is not to be used.
    [[nodiscard]] ImageFault read(std::span<const std::byte> bytes);
};

// The digest of an image whose content lies behind `header`, which has kBytes.
[[nodiscard]] base::Sha256::Digest image_digest(std::span<const std::byte> header,
                                                std::span<const std::byte> content);

}  // namespace ugpt::store
