#include "store/settings.h"

#include <algorithm>
#include <array>

#include "base/crc32.h"

namespace ugpt::store {

SettingsStore::EntryBytes SettingsStore::encode(const SavedWeights& saved) {
    EntryBytes entry{};
    base::ByteWriter writer(entry);
    writer.u32(saved.run_id);
    writer.u32(saved.step);
    for (const std::uint8_t byte : saved.digest) writer.u8(byte);
    writer.u32(base::crc32(std::span(entry).first(writer.size())));
    return entry;
}

std::optional<SavedWeights> SettingsStore::decode(const EntryBytes& entry) {
    base::ByteReader reader(entry);
    SavedWeights saved;
    saved.run_id = reader.u32();
    saved.step = reader.u32();
    for (std::uint8_t& byte : saved.digest) byte = reader.u8();
    if (reader.u32() != base::crc32(std::span(entry).first(kEntryBytes - 4))) return {};
    return saved;
}

std::optional<Settings> SettingsStore::find() {
    return slots_.find_newest([](port::Region, const Settings&) { return true; });
}

SettingsStore::Entries SettingsStore::read_entries() {
    Entries entries;
    for (; entries.count < kEntries; ++entries.count) {
        EntryBytes entry;
        if (!flash_.read(slots_.newest(), offset_of(entries.count), entry)) break;
        const auto erased = [](std::byte byte) { return byte == std::byte{0xFF}; };
        if (std::ranges::all_of(entry, erased)) break;
        if (const auto saved = decode(entry)) entries.last = saved;
    }
    return entries;
}

// The header comes last: a power cut before it leaves the slot before.
bool SettingsStore::write_slot(const Settings& settings, const std::optional<SavedWeights>& saved) {
    if (!slots_.begin(0)) return false;
    if (saved && !flash_.write(slots_.next(), kFirstEntry, encode(*saved))) return false;
    return slots_.commit(settings);
}

Settings SettingsStore::load() {
    return find().value_or(Settings{});
}

bool SettingsStore::save(const Settings& settings) {
    if (settings == load()) return true;
    return write_slot(settings, saved_weights());
}

std::optional<SavedWeights> SettingsStore::saved_weights() {
    return find() ? read_entries().last : std::nullopt;
}

bool SettingsStore::note_saved(const SavedWeights& saved) {
    const auto settings = find();
    const Entries entries = settings ? read_entries() : Entries{};
    if (entries.last == saved) return true;
    if (!settings || entries.count == kEntries)
        return write_slot(settings.value_or(Settings{}), saved);
    return flash_.write(slots_.newest(), offset_of(entries.count), encode(saved));
}

}  // namespace ugpt::store
