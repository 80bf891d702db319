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

// A text on its way to the serial port, or from it.
struct TextLine {
    // What stands behind it.
    enum class After : std::uint8_t { line_end, nothing, prompt };

    static constexpr std::size_t kMaxBytes = 256;
    std::uint16_t size = 0;
    After after = After::line_end;
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
    [[nodiscard]] const store::Settings& settings() const { return settings_; }
    // Whether it prints samples.
    [[nodiscard]] bool enabled() const { return settings_.autorun && !settings_.console; }
    // Another one each time.
    [[nodiscard]] std::uint64_t next_seed() { return std::uint64_t{seed_} << 32 | number_++; }

    // Draws the next text. Characters that no longer fit into a line are left out.
    TextLine next(engine::Model& model, std::span<const std::byte> vocabulary);

  private:
    store::SettingsStore& store_;
    store::Settings settings_;
    std::uint32_t seed_;
    std::uint32_t number_ = 0;
};

}  // namespace ugpt::app
