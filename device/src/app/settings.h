// What a device is told to do by itself, kept in flash.
#pragma once

#include <cstdint>

#include "app/slot_pair.h"
#include "port/port.h"

namespace ugpt::app {

struct Settings {
    std::uint32_t autorun = 0;  // 1: print samples while no host speaks
    float temperature = 0.5f;

    bool operator==(const Settings&) const = default;
};

class SettingsStore {
  public:
    explicit SettingsStore(port::Flash& flash)
        : slots_(flash, port::Region::settings_a, port::Region::settings_b, kMark) {}

    [[nodiscard]] Settings load() {
        const auto whole = [](port::Region, const Settings&) { return true; };  // no payload
        return slots_.find_newest(whole).value_or(Settings{});
    }
    // `load` comes first. Nothing is written where nothing changes.
    bool save(const Settings& settings) {
        if (settings == load()) return true;
        return slots_.begin(0) && slots_.commit(settings);
    }

  private:
    static constexpr std::uint32_t kMark = 0x31455375;  // "uSE1"
    SlotPair<Settings> slots_;
};

}  // namespace ugpt::app
