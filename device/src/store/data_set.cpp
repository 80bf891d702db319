#include "store/data_set.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/crc32.h"

namespace ugpt::store {
namespace {

constexpr port::Region kDocuments = port::Region::documents;
constexpr std::uint32_t kMark = 0x31534475;  // "uDS1"

}  // namespace

DataSetStore::HeaderBytes DataSetStore::encode_header(const DataSet& set) {
    HeaderBytes header;
    base::ByteWriter writer(header);
    for (const std::uint32_t value :
         {kMark, set.documents, set.size_bytes, set.token_bytes, set.crc})
        writer.u32(value);
    writer.u32(base::crc32(std::span(header).first(writer.size())));
    return header;
}

std::optional<DataSet> DataSetStore::decode_header(const HeaderBytes& header) {
    base::ByteReader reader(header);
    if (reader.u32() != kMark) return {};
    DataSet set;
    for (std::uint32_t* value : {&set.documents, &set.size_bytes, &set.token_bytes, &set.crc})
        *value = reader.u32();
    const auto checked = std::span(header).first(kHeaderBytes - 4);
    const bool sound = reader.u32() == base::crc32(checked) && set.documents > 0 &&
                       (set.token_bytes == 1 || set.token_bytes == 2);
    return sound ? std::optional(set) : std::nullopt;
}

std::uint32_t DataSetStore::room_bytes(const port::Flash& flash) {
    const std::uint32_t region_bytes = flash.size_bytes(kDocuments);
    return region_bytes > kContent ? region_bytes - kContent : 0;
}

Result DataSetStore::begin(const DataSet& set, std::uint32_t& missing_bytes) {
    const std::uint32_t room = room_bytes(flash_);
    missing_bytes = set.size_bytes > room ? set.size_bytes - room : 0;
    if (missing_bytes > 0) return Result::no_room;
    valid_ = false;
    set_ = set;
    window_size_ = 0;
    constexpr std::uint32_t kSector = port::Flash::kSectorBytes;
    const std::uint32_t sectors = (kContent + set.size_bytes + kSector - 1) / kSector;
    return flash_.erase(kDocuments, 0, sectors * kSector) ? Result::ok : Result::flash_failed;
}

Result DataSetStore::write(std::uint32_t offset, std::span<const std::uint8_t> bytes) {
    if (valid_ || offset > set_.size_bytes || bytes.size() > set_.size_bytes - offset)
        return Result::out_of_range;
    window_size_ = 0;  // what an earlier commit has read of it
    return flash_.write(kDocuments, kContent + offset, std::as_bytes(bytes)) ? Result::ok
                                                                             : Result::flash_failed;
}

Result DataSetStore::commit() {
    if (valid_) return Result::ok;  // repeated
    if (set_.documents == 0 || !content_is_whole(set_)) return Result::not_whole;
    if (!flash_.write(kDocuments, 0, encode_header(set_)) || !find()) return Result::flash_failed;
    return Result::ok;
}

bool DataSetStore::content_is_whole(const DataSet& set) {
    std::uint32_t crc = 0;
    for (std::uint32_t done = 0; done < set.size_bytes;) {
        const auto part = view(done, std::min<std::size_t>(set.size_bytes - done, window_.size()));
        if (part.empty()) return false;
        crc = base::crc32(part, crc);
        done += static_cast<std::uint32_t>(part.size());
    }
    return crc == set.crc;
}

std::optional<DataSet> DataSetStore::find() {
    if (valid_) return set_;
    HeaderBytes header;
    if (!flash_.read(kDocuments, 0, header)) return {};
    const auto found = decode_header(header);
    if (!found || found->size_bytes > room_bytes(flash_)) return {};
    set_ = *found;
    valid_ = true;
    index_ = 0;
    offset_ = 0;
    window_size_ = 0;
    return set_;
}

std::span<const std::uint8_t> DataSetStore::view(std::uint32_t offset, std::size_t count) {
    if (count > window_.size() || offset > set_.size_bytes || count > set_.size_bytes - offset)
        return {};
    if (offset < window_offset_ || offset + count > window_offset_ + window_size_) {
        window_offset_ = offset;
        window_size_ = static_cast<std::uint32_t>(
            std::min<std::size_t>(window_.size(), set_.size_bytes - offset));
        const auto bytes = std::span(window_).first(window_size_);
        if (!flash_.read(kDocuments, kContent + offset, std::as_writable_bytes(bytes))) {
            window_size_ = 0;
            return {};
        }
    }
    return std::span(window_).subspan(offset - window_offset_, count);
}

bool DataSetStore::document_at(std::uint32_t offset, std::uint32_t& tokens) {
    const auto length = view(offset, 2);
    if (length.empty()) return false;
    tokens = length[0] | static_cast<std::uint32_t>(length[1]) << 8;
    return true;
}

bool DataSetStore::read(std::uint32_t index, std::span<engine::Token> out, std::size_t& length) {
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

}  // namespace ugpt::store
