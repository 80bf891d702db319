#include "app/checkpoint.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

#include "rpc/crc32.h"

namespace ugpt::app {
namespace {

static_assert(std::endian::native == std::endian::little, "flash holds little-endian words");

constexpr std::uint32_t kMark = 0x31504375;  // "uCP1"; another layout takes another digit
constexpr std::array kKinds{engine::TensorKind::weights, engine::TensorKind::first_moment,
                            engine::TensorKind::second_moment};
constexpr std::uint32_t kCopyBytes = 256;
constexpr std::size_t kCopyValues = kCopyBytes / sizeof(float);

std::uint32_t extend_crc(std::uint32_t crc, std::span<const std::byte> bytes) {
    return rpc::crc32({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, crc);
}

// Calls `visit(parameter, kind, offset, count)` for every tensor, a copy's worth at a time, until
// one returns false.
template <typename Visit>
bool for_each_part(const engine::Model& model, Visit&& visit) {
    for (std::size_t i = 0; i < model.parameter_count(); ++i) {
        const engine::Parameter& parameter = model.parameter(i);
        for (const engine::TensorKind kind : kKinds) {
            for (std::size_t at = 0; at < parameter.size(); at += kCopyValues) {
                if (!visit(parameter, kind, at, std::min(kCopyValues, parameter.size() - at)))
                    return false;
            }
        }
    }
    return true;
}

constexpr std::uint32_t padded(std::uint32_t size) { return (size + 3u) & ~3u; }

}  // namespace

CheckpointStore::CheckpointStore(port::Flash& flash)
    : flash_(flash),
      slots_(flash, port::Region::checkpoint_a, port::Region::checkpoint_b, kMark) {}

std::uint64_t CheckpointStore::size_bytes(const engine::Shape& shape,
                                          std::uint32_t vocabulary_bytes) {
    const std::uint64_t parameters =
        engine::Model::plan(shape, {}, engine::Arena{}).parameters;
    return SlotPair<Record>::kHeaderBytes + padded(vocabulary_bytes) +
           kKinds.size() * parameters * sizeof(float);
}

std::uint32_t CheckpointStore::slot_bytes() const {
    return flash_.size_bytes(port::Region::checkpoint_a);
}

bool CheckpointStore::payload_is_whole(port::Region region, const Record& record) {
    constexpr std::uint32_t kHeaderBytes = SlotPair<Record>::kHeaderBytes;
    if (record.payload_bytes > flash_.size_bytes(region) - kHeaderBytes) return false;
    std::array<std::byte, kCopyBytes> copy;
    std::uint32_t crc = 0;
    for (std::uint32_t done = 0; done < record.payload_bytes;) {
        const auto part =
            std::span(copy).first(std::min(record.payload_bytes - done, kCopyBytes));
        if (!flash_.read(region, kHeaderBytes + done, part)) return false;
        crc = extend_crc(crc, part);
        done += static_cast<std::uint32_t>(part.size());
    }
    return crc == record.payload_crc;
}

std::optional<CheckpointInfo> CheckpointStore::find_newest() {
    const auto found = slots_.find_newest([this](port::Region region, const Record& record) {
        return payload_is_whole(region, record);
    });
    return found ? std::optional(found->info) : std::nullopt;
}

bool CheckpointStore::load(engine::Model& model, std::span<std::byte> vocabulary) {
    const port::Region region = slots_.newest();
    std::uint32_t offset = SlotPair<Record>::kHeaderBytes;
    if (!flash_.read(region, offset, vocabulary)) return false;
    offset += padded(static_cast<std::uint32_t>(vocabulary.size()));
    return for_each_part(model, [&](const engine::Parameter& parameter, engine::TensorKind kind,
                                    std::size_t at, std::size_t count) {
        std::array<float, kCopyValues> values;
        const auto part = std::span(values).first(count);
        if (!flash_.read(region, offset, std::as_writable_bytes(part))) return false;
        offset += static_cast<std::uint32_t>(part.size_bytes());
        model.write(parameter, kind, at, part);
        return true;
    });
}

bool CheckpointStore::write_payload(const engine::Model& model,
                                    std::span<const std::byte> vocabulary, std::uint32_t& crc) {
    std::uint32_t offset = SlotPair<Record>::kHeaderBytes;
    const auto append = [&](std::span<const std::byte> bytes) {
        crc = extend_crc(crc, bytes);
        const std::uint32_t at = offset;
        offset += static_cast<std::uint32_t>(bytes.size());
        return flash_.write(slots_.next(), at, bytes);
    };
    const auto size = static_cast<std::uint32_t>(vocabulary.size());
    constexpr std::array<std::byte, 4> kPadding{};
    if (!append(vocabulary) || !append(std::span(kPadding).first(padded(size) - size)))
        return false;
    return for_each_part(model, [&](const engine::Parameter& parameter, engine::TensorKind kind,
                                    std::size_t at, std::size_t count) {
        std::array<float, kCopyValues> values;
        const auto part = std::span(values).first(count);
        model.read(parameter, kind, at, part);
        return append(std::as_bytes(part));
    });
}

SaveResult CheckpointStore::save(const CheckpointInfo& info, const engine::Model& model,
                                 std::span<const std::byte> vocabulary) {
    const std::uint64_t size = size_bytes(info.shape, info.vocabulary_bytes);
    if (size > slot_bytes()) return SaveResult::no_room;
    Record record{info, static_cast<std::uint32_t>(size) - SlotPair<Record>::kHeaderBytes, 0};
    if (!slots_.begin(record.payload_bytes) ||
        !write_payload(model, vocabulary, record.payload_crc))
        return SaveResult::flash_failed;
    // A worn chip can take a write and keep something else: look before the older one is given up.
    if (!payload_is_whole(slots_.next(), record) || !slots_.commit(record))
        return SaveResult::flash_failed;
    return SaveResult::saved;
}

}  // namespace ugpt::app
