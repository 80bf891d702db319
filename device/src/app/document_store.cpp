#include "app/document_store.h"

#include <algorithm>

#include "rpc/crc32.h"

namespace ugpt::app {
namespace {

constexpr port::Region kRegion = port::Region::data;
constexpr std::uint32_t kMark = 0x31534475;  // "uDS1"

}  // namespace

struct DocumentStore::Header {
    std::uint32_t mark = kMark;
    DataSet set;
    std::uint32_t header_crc = 0;

    [[nodiscard]] std::uint32_t own_crc() const {
        return rpc::crc32(
            {reinterpret_cast<const std::uint8_t*>(this), sizeof(Header) - sizeof(header_crc)});
    }
};

std::uint32_t DocumentStore::room_bytes(const port::Flash& flash) {
    const std::uint32_t region_bytes = flash.size_bytes(kRegion);
    return region_bytes > kContent ? region_bytes - kContent : 0;
}

rpc::ErrorCode DocumentStore::begin(const DataSet& set, std::uint32_t& missing_bytes) {
    const std::uint32_t room = room_bytes(flash_);
    missing_bytes = set.size_bytes > room ? set.size_bytes - room : 0;
    if (missing_bytes > 0) return rpc::ErrorCode::no_room;
    valid_ = false;
    set_ = set;
    window_size_ = 0;
    constexpr std::uint32_t kSector = port::Flash::kSectorBytes;
    const std::uint32_t sectors = (kContent + set.size_bytes + kSector - 1) / kSector;
    return flash_.erase(kRegion, 0, sectors * kSector) ? rpc::ErrorCode::none
                                                       : rpc::ErrorCode::flash_failed;
}

rpc::ErrorCode DocumentStore::write(std::uint32_t offset, std::span<const std::uint8_t> bytes) {
    if (valid_ || offset > set_.size_bytes || bytes.size() > set_.size_bytes - offset)
        return rpc::ErrorCode::bad_params;
    return flash_.write(kRegion, kContent + offset, std::as_bytes(bytes))
               ? rpc::ErrorCode::none
               : rpc::ErrorCode::flash_failed;
}

rpc::ErrorCode DocumentStore::commit() {
    if (valid_) return rpc::ErrorCode::none;  // repeated
    if (set_.documents == 0 || !content_is_whole(set_)) return rpc::ErrorCode::bad_data;
    Header header;
    header.set = set_;
    header.header_crc = header.own_crc();
    if (!flash_.write(kRegion, 0, std::as_bytes(std::span(&header, 1))) || !find())
        return rpc::ErrorCode::flash_failed;
    return rpc::ErrorCode::none;
}

bool DocumentStore::content_is_whole(const DataSet& set) {
    std::uint32_t crc = 0;
    for (std::uint32_t done = 0; done < set.size_bytes;) {
        const auto part =
            view(done, std::min<std::size_t>(set.size_bytes - done, window_.size()));
        if (part.empty()) return false;
        crc = rpc::crc32(part, crc);
        done += static_cast<std::uint32_t>(part.size());
    }
    return crc == set.crc;
}

std::optional<DataSet> DocumentStore::find() {
    if (valid_) return set_;
    Header header;
    if (!flash_.read(kRegion, 0, std::as_writable_bytes(std::span(&header, 1))) ||
        header.mark != kMark || header.header_crc != header.own_crc() ||
        header.set.documents == 0)
        return {};
    set_ = header.set;
    valid_ = true;
    index_ = 0;
    offset_ = 0;
    window_size_ = 0;
    return set_;
}

std::span<const std::uint8_t> DocumentStore::view(std::uint32_t offset, std::size_t count) {
    if (count > window_.size() || offset > set_.size_bytes || count > set_.size_bytes - offset)
        return {};
    if (offset < window_offset_ || offset + count > window_offset_ + window_size_) {
        window_offset_ = offset;
        window_size_ = static_cast<std::uint32_t>(
            std::min<std::size_t>(window_.size(), set_.size_bytes - offset));
        const auto bytes = std::span(window_).first(window_size_);
        if (!flash_.read(kRegion, kContent + offset, std::as_writable_bytes(bytes))) {
            window_size_ = 0;
            return {};
        }
    }
    return std::span(window_).subspan(offset - window_offset_, count);
}

bool DocumentStore::document_at(std::uint32_t offset, std::uint32_t& tokens) {
    const auto length = view(offset, 2);
    if (length.empty()) return false;
    tokens = length[0] | static_cast<std::uint32_t>(length[1]) << 8;
    return true;
}

bool DocumentStore::read(std::uint32_t index, std::span<engine::Token> out,
                         std::size_t& length) {
    if (!find()) return false;
    index %= set_.documents;
    if (index < index_) index_ = offset_ = 0;
    std::uint32_t tokens = 0;
    for (;; ++index_) {
        if (!document_at(offset_, tokens)) return false;
        if (index_ == index) break;
        offset_ += 2 + tokens * set_.token_bytes;
    }
    length = std::min<std::size_t>(tokens, out.size());
    for (std::size_t i = 0; i < length; ++i) {
        const auto at = offset_ + 2 + static_cast<std::uint32_t>(i) * set_.token_bytes;
        const auto token = view(at, set_.token_bytes);
        if (token.empty()) return false;
        const std::uint32_t high = set_.token_bytes == 2 ? token[1] : 0u;
        out[i] = static_cast<engine::Token>(token[0] | high << 8);
    }
    return true;
}

}  // namespace ugpt::app
