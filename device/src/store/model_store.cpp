#include "store/model_store.h"

#include <algorithm>
#include <iterator>

#include "base/bytes.h"
#include "base/crc32.h"

namespace ugpt::store {
namespace {

constexpr std::uint32_t kSector = port::Flash::kSectorBytes;
constexpr std::size_t kMarkBytes = 8;  // without them no image is there
constexpr std::size_t kCrcBytes = 4;

std::uint32_t whole_sectors(std::uint32_t size_bytes) {
    return (size_bytes + kSector - 1) / kSector * kSector;
}

bool erased(std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0xFF}; });
}

}  // namespace

std::uint32_t ModelStore::room_bytes(const port::Flash& flash) {
    const std::uint32_t region_bytes = flash.size_bytes(kRegion);
    return region_bytes > kSector ? region_bytes / kSector * kSector - kSector : 0;
}

ImageFault ModelStore::open(ModelImage& image) {
    // Most boards have none, and need not show all of the region for that.
    std::array<std::byte, kMarkBytes> mark;
    if (!flash_.read(kRegion, 0, mark) || erased(mark)) return ImageFault::absent;
    return image.open(flash_.mapped(kRegion));
}

// The digest lies behind the CRC of the header, so an announcement has a CRC of its own.
std::optional<ModelStore::HeaderBytes> ModelStore::unfinished() {
    HeaderBytes header;
    std::array<std::byte, kCrcBytes> crc;
    if (!flash_.read(kRegion, announcement(), header) ||
        !flash_.read(kRegion, announcement() + kHeaderBytes, crc) ||
        base::ByteReader(crc).u32() != base::crc32(std::as_bytes(std::span(header))))
        return {};
    return header;
}

bool ModelStore::holds(std::span<const std::byte> header) {
    ModelImage image;
    HeaderBytes present;
    return flash_.read(kRegion, 0, present) && std::ranges::equal(present, header) &&
           open(image) == ImageFault::none;
}

Result ModelStore::begin(std::span<const std::byte> header, bool& resumed,
                         std::uint32_t& missing_bytes) {
    ImageHeader wanted;
    if (wanted.read(header) != ImageFault::none) return Result::not_whole;
    const std::uint32_t room = room_bytes(flash_);
    missing_bytes = wanted.size_bytes > room ? wanted.size_bytes - room : 0;
    if (missing_bytes > 0) return Result::no_room;
    const auto announced = unfinished();
    resumed = holds(header) || (announced && std::ranges::equal(*announced, header));
    if (resumed) return Result::ok;
    // The image first: from then on none is there, whatever is left of it.
    if (erase() != Result::ok) return Result::flash_failed;
    const std::uint32_t content = whole_sectors(wanted.size_bytes) - kSector;
    std::array<std::byte, kCrcBytes> crc;
    base::ByteWriter(crc).u32(base::crc32(header));
    const bool announces =
        flash_.erase(kRegion, kSector, content) && flash_.write(kRegion, announcement(), header) &&
        flash_.write(kRegion, announcement() + kHeaderBytes, crc) && unfinished().has_value();
    return announces ? Result::ok : Result::flash_failed;
}

Result ModelStore::write(std::uint32_t offset, std::span<const std::byte> bytes) {
    ImageHeader header;
    const auto announced = unfinished();
    if (!announced || header.read(*announced) != ImageFault::none) return Result::out_of_range;
    if (offset < kHeaderBytes || offset > header.size_bytes ||
        bytes.size() > header.size_bytes - offset)
        return Result::out_of_range;
    return flash_.write(kRegion, offset, bytes) ? Result::ok : Result::flash_failed;
}

std::size_t ModelStore::checksums(std::uint32_t first, std::span<std::uint32_t> out) {
    ImageHeader header;
    const auto announced = unfinished();
    const auto bytes = flash_.mapped(kRegion);
    if (bytes.empty()) return 0;
    const auto header_bytes = announced ? std::span<const std::byte>(*announced) : bytes;
    if (header.read(header_bytes) != ImageFault::none || header.size_bytes > bytes.size()) return 0;
    const auto content = bytes.first(header.size_bytes).subspan(kHeaderBytes);
    std::size_t count = 0;
    for (std::uint64_t at = std::uint64_t{first} * kBlockBytes;
         at < content.size() && count < out.size(); at += kBlockBytes) {
        const auto rest = content.subspan(static_cast<std::size_t>(at));
        out[count++] = base::crc32(rest.first(std::min<std::size_t>(rest.size(), kBlockBytes)));
    }
    return count;
}

PushResult ModelStore::commit() {
    ModelImage image;
    const auto announced = unfinished();
    if (!announced) return {open(image) == ImageFault::none ? Result::ok : Result::out_of_range};
    if (holds(*announced))  // the power went before the announcement was erased
        return {flash_.erase(kRegion, announcement(), kSector) ? Result::ok : Result::flash_failed};
    ImageFault fault = image.open(*announced, flash_.mapped(kRegion));
    if (fault == ImageFault::none && image.computed_digest() != image.digest())
        fault = ImageFault::digest;
    if (fault != ImageFault::none) {
        const bool discarded = erase() == Result::ok;
        return {discarded ? Result::not_whole : Result::flash_failed, fault};
    }
    const bool stored = write_header(*announced) && flash_.erase(kRegion, announcement(), kSector);
    return {stored ? Result::ok : Result::flash_failed};
}

bool ModelStore::write_header(std::span<const std::byte> header) {
    return flash_.write(kRegion, kMarkBytes, header.subspan(kMarkBytes)) &&
           flash_.write(kRegion, 0, header.first(kMarkBytes)) && holds(header);
}

Result ModelStore::erase() {
    if (room_bytes(flash_) == 0) return Result::ok;
    return flash_.erase(kRegion, 0, kSector) && flash_.erase(kRegion, announcement(), kSector)
               ? Result::ok
               : Result::flash_failed;
}

}  // namespace ugpt::store
