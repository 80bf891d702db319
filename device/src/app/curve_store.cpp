#include "app/curve_store.h"

#include <algorithm>
#include <bit>

namespace ugpt::app {
namespace {

constexpr port::Region kRegion = port::Region::curve;
constexpr std::uint32_t kErased = 0xFFFFFFFF;

}  // namespace

bool CurveStore::belongs_to(std::uint32_t run_id) {
    Header header{};
    return flash_.read(kRegion, 0, std::as_writable_bytes(std::span(&header, 1))) &&
           header.mark == kMark && header.run_id == run_id;
}

std::size_t CurveStore::capacity() const {
    const std::uint32_t size = flash_.size_bytes(kRegion);
    return size > kValues ? (size - kValues) / sizeof(float) : 0;
}

bool CurveStore::begin(std::uint32_t run_id) {
    if (belongs_to(run_id)) return true;
    const Header header{kMark, run_id};
    return flash_.erase(kRegion, 0, flash_.size_bytes(kRegion)) &&
           flash_.write(kRegion, 0, std::as_bytes(std::span(&header, 1)));
}

bool CurveStore::write(std::uint32_t first, std::span<const float> losses) {
    const std::size_t start = first - 1;
    if (start >= capacity()) return true;
    const auto part = losses.first(std::min(losses.size(), capacity() - start));
    return flash_.write(kRegion, kValues + static_cast<std::uint32_t>(start * sizeof(float)),
                        std::as_bytes(part));
}

std::size_t CurveStore::read(std::uint32_t run_id, std::uint32_t first, std::span<float> out) {
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

}  // namespace ugpt::app
