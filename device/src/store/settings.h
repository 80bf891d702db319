// What a device is told to do by itself, kept in flash.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "base/bytes.h"
#include "port/port.h"
#include "store/slot_pair.h"

namespace ugpt::store {

struct Settings {
    static constexpr std::uint32_t kBytes = 8;

    bool autorun = false;  // print samples while no host speaks
    float temperature = 0.5f;

    bool operator==(const Settings&) const = default;

    void encode(base::ByteWriter& writer) const {
        writer.u32(autorun ? 1 : 0);
        writer.f32(temperature);
    }
    static std::optional<Settings> decode(base::ByteReader& reader) {
        const std::uint32_t autorun = reader.u32();
        const float temperature = reader.f32();
        const bool finite = temperature <= std::numeric_limits<float>::max();
        if (autorun > 1 || !(temperature > 0.0f) || !finite) return {};
        return Settings{autorun == 1, temperature};
    }
};

class SettingsStore {
  public:
    explicit SettingsStore(port::Flash& flash)
        : slots_(flash, port::Region::settings_a, port::Region::settings_b, kMark) {}

    [[nodiscard]] Settings load() {
        const auto whole = [](port::Region, const Settings&) { return true; };  // no payload
        return slots_.find_newest(whole).value_or(Settings{});
    }
    // Writes nothing if nothing changes.
    bool save(const Settings& settings) {
        if (settings == load()) return true;
        return slots_.begin(0) && slots_.commit(settings);
    }

  private:
    static constexpr std::uint32_t kMark = 0x31455375;  // "uSE1"
    SlotPair<Settings> slots_;
};

}  // namespace ugpt::store
