#include "app/checkpoint.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <type_traits>

#include "rpc/crc32.h"

namespace ugpt::app {
namespace {

static_assert(std::endian::native == std::endian::little, "flash holds little-endian words");

constexpr std::uint32_t kMagic = 0x54504775;  // "uGPT"
constexpr std::uint32_t kFormat = 1;
constexpr std::array kKinds{engine::TensorKind::weights, engine::TensorKind::first_moment,
                            engine::TensorKind::second_moment};
constexpr std::uint32_t kCopyBytes = 256;

std::uint32_t extend_crc(std::uint32_t crc, std::span<const std::byte> bytes) {
    return rpc::crc32({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, crc);
}

constexpr std::uint32_t padded(std::uint32_t size) { return (size + 3u) & ~3u; }

constexpr std::uint32_t whole_sectors(std::uint32_t size) {
    return (size + port::Flash::kSectorBytes - 1) / port::Flash::kSectorBytes *
           port::Flash::kSectorBytes;
}

constexpr port::Region other(port::Region region) {
    return region == port::Region::checkpoint_a ? port::Region::checkpoint_b
                                                : port::Region::checkpoint_a;
}

}  // namespace

// First bytes of a slot. The checksum of the header comes last.
struct CheckpointStore::Header {
    std::uint32_t magic = kMagic;
    std::uint32_t format = kFormat;
    std::uint32_t sequence = 0;
    CheckpointInfo info;
    std::uint32_t payload_bytes = 0;
    std::uint32_t payload_crc = 0;
    std::uint32_t header_crc = 0;

    [[nodiscard]] std::uint32_t own_crc() const {
        const auto bytes = std::as_bytes(std::span(this, 1));
        return extend_crc(0, bytes.first(bytes.size() - sizeof header_crc));
    }
};

std::uint32_t CheckpointStore::size_bytes(const engine::Shape& shape,
                                          std::uint32_t vocabulary_bytes) {
    static_assert(std::is_trivially_copyable_v<Header> && sizeof(Header) % 4 == 0);
    const auto parameters =
        static_cast<std::uint32_t>(engine::Model::plan(shape, {}, engine::Arena{}).parameters);
    const auto values = static_cast<std::uint32_t>(kKinds.size()) * parameters;
    return static_cast<std::uint32_t>(sizeof(Header)) + padded(vocabulary_bytes) +
           values * static_cast<std::uint32_t>(sizeof(float));
}

std::uint32_t CheckpointStore::slot_bytes() const {
    return flash_.size_bytes(port::Region::checkpoint_a);
}

std::optional<CheckpointStore::Slot> CheckpointStore::read_slot(port::Region region) {
    Header header;
    if (!flash_.read(region, 0, std::as_writable_bytes(std::span(&header, 1)))) return {};
    if (header.magic != kMagic || header.format != kFormat ||
        header.header_crc != header.own_crc() ||
        header.payload_bytes > flash_.size_bytes(region) - sizeof header)
        return {};
    std::array<std::byte, kCopyBytes> copy;
    std::uint32_t crc = 0;
    for (std::uint32_t done = 0; done < header.payload_bytes;) {
        const std::uint32_t count = std::min(header.payload_bytes - done, kCopyBytes);
        const auto part = std::span(copy).first(count);
        if (!flash_.read(region, static_cast<std::uint32_t>(sizeof header) + done, part)) return {};
        crc = extend_crc(crc, part);
        done += count;
    }
    if (crc != header.payload_crc) return {};
    return Slot{header.info, header.sequence};
}

std::optional<CheckpointInfo> CheckpointStore::find_newest() {
    std::optional<CheckpointInfo> found;
    sequence_ = 0;
    for (const port::Region region : {port::Region::checkpoint_a, port::Region::checkpoint_b}) {
        const auto slot = read_slot(region);
        if (!slot || slot->sequence <= sequence_) continue;
        newest_ = region;
        sequence_ = slot->sequence;
        found = slot->info;
    }
    return found;
}

bool CheckpointStore::load(const engine::Model& model, std::span<std::byte> vocabulary) {
    auto offset = static_cast<std::uint32_t>(sizeof(Header));
    if (!flash_.read(newest_, offset, vocabulary)) return false;
    offset += padded(static_cast<std::uint32_t>(vocabulary.size()));
    for (std::size_t i = 0; i < model.parameter_count(); ++i) {
        for (const engine::TensorKind kind : kKinds) {
            const auto bytes = std::as_writable_bytes(model.parameter(i).values(kind));
            if (!flash_.read(newest_, offset, bytes)) return false;
            offset += static_cast<std::uint32_t>(bytes.size());
        }
    }
    return true;
}

bool CheckpointStore::write_payload(port::Region region, const engine::Model& model,
                                    std::span<const std::byte> vocabulary, std::uint32_t& crc) {
    auto offset = static_cast<std::uint32_t>(sizeof(Header));
    const auto append = [&](std::span<const std::byte> bytes) {
        crc = extend_crc(crc, bytes);
        const std::uint32_t at = offset;
        offset += static_cast<std::uint32_t>(bytes.size());
        return flash_.write(region, at, bytes);
    };
    const auto size = static_cast<std::uint32_t>(vocabulary.size());
    constexpr std::array<std::byte, 4> kPadding{};
    if (!append(vocabulary) || !append(std::span(kPadding).first(padded(size) - size)))
        return false;
    for (std::size_t i = 0; i < model.parameter_count(); ++i)
        for (const engine::TensorKind kind : kKinds)
            if (!append(std::as_bytes(model.parameter(i).values(kind)))) return false;
    return true;
}

SaveResult CheckpointStore::save(const CheckpointInfo& info, const engine::Model& model,
                                 std::span<const std::byte> vocabulary) {
    const std::uint32_t size = size_bytes(info.shape, info.vocabulary_bytes);
    if (size > slot_bytes()) return SaveResult::no_room;
    const port::Region region = other(newest_);
    Header header;
    header.sequence = sequence_ + 1;
    header.info = info;
    header.payload_bytes = size - static_cast<std::uint32_t>(sizeof header);
    if (!flash_.erase(region, 0, whole_sectors(size)) ||
        !write_payload(region, model, vocabulary, header.payload_crc))
        return SaveResult::flash_failed;
    header.header_crc = header.own_crc();
    if (!flash_.write(region, 0, std::as_bytes(std::span(&header, 1)))) 
        return SaveResult::flash_failed;
    // A worn chip can take a write and keep something else.
    const auto kept = read_slot(region);
    if (!kept || kept->sequence != header.sequence) return SaveResult::flash_failed;
    newest_ = region;
    sequence_ = header.sequence;
    return SaveResult::saved;
}

}  // namespace ugpt::app
