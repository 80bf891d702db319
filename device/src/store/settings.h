// What a device is told to do by itself, and which of its weights a host has: kept in flash.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "base/bytes.h"
#include "base/sha256.h"
#include "port/port.h"
#include "store/slot_pair.h"

namespace ugpt::store {

struct Settings {
    static constexpr std::uint32_t kBytes = 8;

    bool autorun = false;  // print samples while no host speaks
    float temperature = 0.5f;
    bool console = false;  // rather than print samples, write the stories that somebody begins

    bool operator==(const Settings&) const = default;

    [[nodiscard]] static std::uint32_t mark() { return kMark; }
    void encode(base::ByteWriter& writer) const {
        writer.u32(!autorun ? kOff : console ? kConsole : kSamples);
        writer.f32(temperature);
    }
    static std::optional<Settings> decode(std::uint32_t mark, base::ByteReader& reader) {
        const std::uint32_t mode = reader.u32();
        const float temperature = reader.f32();
        const bool finite = temperature <= std::numeric_limits<float>::max();
        if (mark != kMark || mode > kConsole || !(temperature > 0.0f) || !finite) return {};
        return Settings{mode != kOff, temperature, mode == kConsole};
    }

  private:
    static constexpr std::uint32_t kMark = 0x31455375;  // "uSE1"
    // Version 0.1.0 takes a console, which it does not know, for no settings at all.
    static constexpr std::uint32_t kOff = 0, kSamples = 1, kConsole = 2;
};

// Weights that a host has said to have in a run folder.
struct SavedWeights {
    std::uint32_t run_id = 0;
    std::uint32_t step = 0;
    base::Sha256::Digest digest{};

    bool operator==(const SavedWeights&) const = default;
};

// A slot of settings is a sector, of which the settings take the first bytes. Behind them follow
// entries of saved weights, appended until the sector is full, so that one erasure serves many. The
// last whole one counts. Version 0.1.0 reads the settings and passes over the entries.
class SettingsStore {
  public:
    explicit SettingsStore(port::Flash& flash)
        : flash_(flash), slots_(flash, port::Region::settings_a, port::Region::settings_b) {}

    [[nodiscard]] Settings load();
    // Writes nothing if nothing changes.
    bool save(const Settings& settings);

    [[nodiscard]] std::optional<SavedWeights> saved_weights();
    // Writes nothing if nothing changes.
    bool note_saved(const SavedWeights& saved);

  private:
    static constexpr std::uint32_t kFirstEntry = SlotPair<Settings>::kHeaderBytes;
    static constexpr std::uint32_t kEntryBytes = 4 + 4 + sizeof(base::Sha256::Digest) + 4;
    static constexpr std::uint32_t kEntries =
        (port::Flash::kSectorBytes - kFirstEntry) / kEntryBytes;

    using EntryBytes = std::array<std::byte, kEntryBytes>;

    struct Entries {
        std::optional<SavedWeights> last;  // whole
        std::uint32_t count = 0;           // whole or torn
    };

    static EntryBytes encode(const SavedWeights& saved);
    static std::optional<SavedWeights> decode(const EntryBytes& entry);
    static std::uint32_t offset_of(std::uint32_t entry) {
        return kFirstEntry + entry * kEntryBytes;
    }
    std::optional<Settings> find();
    // Those of the slot found last.
    Entries read_entries();
    bool write_slot(const Settings& settings, const std::optional<SavedWeights>& saved);

    port::Flash& flash_;
    SlotPair<Settings> slots_;
};

}  // namespace ugpt::store
