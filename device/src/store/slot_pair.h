// A record that survives power cuts: two flash regions written in turn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/crc32.h"
#include "port/port.h"

namespace ugpt::store {

// A slot begins with a header: a mark, a sequence number, the record and a checksum of all that.
// It is written last, after whatever payload follows it. A slot counts only if the checksum holds,
// the record makes sense and the caller finds its payload whole; of two such slots the higher
// sequence number is newer.
//
// A Record has `mark()`, which tells its kind and layout from all others, `kBytes`,
// `encode(ByteWriter&)`, which writes that many, and
// `static std::optional<Record> decode(mark, ByteReader&)`, empty if it is the mark of another kind
// or a value makes no sense.
template <typename Record>
class SlotPair {
    static constexpr std::uint32_t kCrcBytes = 4;

  public:
    static constexpr std::uint32_t kHeaderBytes = 4 + 4 + Record::kBytes + kCrcBytes;

    SlotPair(port::Flash& flash, port::Region a, port::Region b)
        : flash_(flash), a_(a), b_(b), newest_(b) {}

    // Finds the newest whole slot; `whole(region, record)` judges its payload.
    template <typename Whole>
    std::optional<Record> find_newest(Whole&& whole) {
        std::optional<Record> found;
        sequence_ = 0;
        for (const port::Region region : {a_, b_}) {
            const auto slot = read_header(region);
            if (!slot || slot->sequence <= sequence_ || !whole(region, slot->record)) continue;
            newest_ = region;
            sequence_ = slot->sequence;
            found = slot->record;
        }
        return found;
    }

    // The region of the slot found or committed last, and the one to be written next.
    [[nodiscard]] port::Region newest() const { return newest_; }
    [[nodiscard]] port::Region next() const { return newest_ == a_ ? b_ : a_; }

    // Erases the next slot for a header and `payload_bytes`.
    bool begin(std::uint32_t payload_bytes) {
        constexpr std::uint32_t kSector = port::Flash::kSectorBytes;
        const std::uint32_t sectors = (kHeaderBytes + payload_bytes + kSector - 1) / kSector;
        return flash_.erase(next(), 0, sectors * kSector);
    }

    // Writes the header of the next slot, which is the newest from then on.
    bool commit(const Record& record) {
        HeaderBytes header{};
        base::ByteWriter writer(header);
        writer.u32(record.mark());
        writer.u32(sequence_ + 1);
        record.encode(writer);
        writer.u32(base::crc32(std::span(header).first(kHeaderBytes - kCrcBytes)));
        if (!flash_.write(next(), 0, header)) return false;
        const auto kept = read_header(next());
        if (!kept || kept->sequence != sequence_ + 1) return false;
        newest_ = next();
        sequence_ = kept->sequence;
        return true;
    }

  private:
    using HeaderBytes = std::array<std::byte, kHeaderBytes>;

    struct Slot {
        std::uint32_t sequence;
        Record record;
    };

    std::optional<Slot> read_header(port::Region region) {
        HeaderBytes header;
        if (!flash_.read(region, 0, header)) return {};
        base::ByteReader reader(header);
        const std::uint32_t mark = reader.u32();
        const std::uint32_t sequence = reader.u32();
        const auto record = Record::decode(mark, reader);
        const auto checked = std::span(header).first(kHeaderBytes - kCrcBytes);
        if (!record || reader.u32() != base::crc32(checked)) return {};
        return Slot{sequence, *record};
    }

    port::Flash& flash_;
    port::Region a_;
    port::Region b_;
    port::Region newest_;
    std::uint32_t sequence_ = 0;  // of the newest; 0 if there is none
};

}  // namespace ugpt::store
