// Prints samples as plain text while no host speaks to the device.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/engine.h"
#include "rpc/messages.h"
#include "store/settings.h"

namespace ugpt::app {

// One sampled text on its way to the serial port.
struct TextLine {
    static constexpr std::size_t kMaxBytes = 256;
    std::uint16_t size = 0;
    std::array<char, kMaxBytes> text;
    [[nodiscard]] std::string_view view() const { return {text.data(), size}; }
};

class AutorunSampler {
  public:
    static constexpr std::uint32_t kIntervalMs = 500;

    // `seed` differs at every start.
    AutorunSampler(store::SettingsStore& store, std::uint32_t seed) : store_(store), seed_(seed) {}

    void load() { settings_ = store_.load(); }
    rpc::ErrorCode set(const store::Settings& settings);
    [[nodiscard]] bool enabled() const { return settings_.autorun; }

    // Draws the next text. Characters that no longer fit into a line are left out.
    TextLine next(engine::Model& model, std::span<const std::byte> vocabulary);

  private:
    store::SettingsStore& store_;
    store::Settings settings_;
    std::uint32_t seed_;
    std::uint32_t number_ = 0;
};

}  // namespace ugpt::app
