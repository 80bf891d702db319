// A data set in flash: the documents of a run that needs no host.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/engine.h"
#include "port/port.h"
#include "store/result.h"

namespace ugpt::store {

struct DataSet {
    std::uint32_t documents = 0;
    std::uint32_t size_bytes = 0;  // of the content
    std::uint32_t token_bytes = 1;
    std::uint32_t crc = 0;  // of the content

    bool operator==(const DataSet&) const = default;
};

// The content is each document's length in tokens as a 16-bit word, then its tokens, one or two
// bytes each, all little-endian. A header before it is written last.
class DataSetStore {
  public:
    explicit DataSetStore(port::Flash& flash) : flash_(flash) {}

    // Room for the content of a data set.
    [[nodiscard]] static std::uint32_t room_bytes(const port::Flash& flash);

    // Erases what is there and makes room for `set`. If that is no_room, the region is
    // `missing_bytes` too small, and nothing is erased.
    Result begin(const DataSet& set, std::uint32_t& missing_bytes);
    // Part of the content, anywhere within it; the same part again changes nothing.
    Result write(std::uint32_t offset, std::span<const std::uint8_t> bytes);
    // Checks the content against `begin` and makes the set valid.
    Result commit();

    // The set in flash; nothing if none is whole.
    std::optional<DataSet> find();
    // Reads document `index` modulo the number of documents, cut to `out`. Cheap when the indices
    // ascend. False if there is no set or its content makes no sense.
    bool read(std::uint32_t index, std::span<engine::Token> out, std::size_t& length);

  private:
    static constexpr std::uint32_t kHeaderBytes = 24;
    using HeaderBytes = std::array<std::byte, kHeaderBytes>;

    static HeaderBytes encode_header(const DataSet& set);
    static std::optional<DataSet> decode_header(const HeaderBytes& header);

    static constexpr std::uint32_t kContent = port::Flash::kSectorBytes;  // offset of the content

    bool content_is_whole(const DataSet& set);
    // A view of `count` bytes of the content, valid until the next call; empty on failure.
    std::span<const std::uint8_t> view(std::uint32_t offset, std::size_t count);
    bool document_at(std::uint32_t offset, std::uint32_t& tokens);

    port::Flash& flash_;
    DataSet set_;              // found or begun
    bool valid_ = false;       // set_ is committed
    std::uint32_t index_ = 0;  // of the document at offset_
    std::uint32_t offset_ = 0;
    std::array<std::uint8_t, 512> window_{};
    std::uint32_t window_offset_ = 0;
    std::uint32_t window_size_ = 0;
};

}  // namespace ugpt::store
