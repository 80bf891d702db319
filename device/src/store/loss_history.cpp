#include "store/loss_history.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/bytes.h"

namespace ugpt::store {
namespace {

constexpr port::Region kRegion = port::Region::loss_history;
constexpr std::uint32_t kErased = 0xFFFFFFFF;

}  // namespace

bool LossHistory::belongs_to(std::uint32_t run_id) {
    std::array<std::byte, kHeaderBytes> header;
    if (!flash_.read(kRegion, 0, header)) return false;
    base::ByteReader reader(header);
    return reader.u32() == kMark && reader.u32() == run_id;
}

std::size_t LossHistory::capacity() const {
    const std::uint32_t size = flash_.size_bytes(kRegion);
    return size > kValues ? (size - kValues) / sizeof(float) : 0;
}

bool LossHistory::begin(std::uint32_t run_id) {
    if (belongs_to(run_id)) return true;
    std::array<std::byte, kHeaderBytes> header;
    base::ByteWriter writer(header);
    writer.u32(kMark);
    writer.u32(run_id);
    return flash_.erase(kRegion, 0, flash_.size_bytes(kRegion)) && flash_.write(kRegion, 0, header);
}

bool LossHistory::write(std::uint32_t first, std::span<const float> losses) {
    const std::size_t start = first - 1;
    if (start >= capacity()) return true;
    const auto part = losses.first(std::min(losses.size(), capacity() - start));
    return flash_.write(kRegion, kValues + static_cast<std::uint32_t>(start * sizeof(float)),
                        std::as_bytes(part));
}

std::size_t LossHistory::read(std::uint32_t run_id, std::uint32_t first, std::span<float> out) {
    const std::size_t start = first - 1;
    if (!belongs_to(run_id) || start >= capacity()) return 0;
    const auto part = out.first(std::min(out.size(), capacity() - start));
    if (!flash_.read(kRegion, kValues + static_cast<std::uint32_t>(start * sizeof(float)),
                     std::as_writable_bytes(part)))
        return 0;
    const auto unwritten = std::ranges::find(
        part, kErased, [](float loss) { return std::bit_cast<std::uint32_t>(loss); });
    return static_cast<std::size_t>(unwritten - part.begin());
}

}  // namespace ugpt::store
