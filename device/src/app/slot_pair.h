// A record that survives power cuts: two flash regions written in turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "port/port.h"
#include "rpc/crc32.h"

namespace ugpt::app {

// A slot begins with a header: a mark, a sequence number, the record and a checksum of all that.
// It is written last, after whatever payload follows it. A slot counts only when the checksum
// holds and the caller finds its payload whole; of two such slots the higher sequence is newer.
template <typename Record>
class SlotPair {
    static_assert(std::is_trivially_copyable_v<Record> && sizeof(Record) % 4 == 0);

    struct Header {
        std::uint32_t mark = 0;
        std::uint32_t sequence = 0;
        Record record;
        std::uint32_t crc = 0;

        [[nodiscard]] std::uint32_t own_crc() const {
            return rpc::crc32({reinterpret_cast<const std::uint8_t*>(this),
                               sizeof(Header) - sizeof(crc)});
        }
    };

  public:
    static constexpr std::uint32_t kHeaderBytes = sizeof(Header);

    // `mark` tells this kind and format of record from all others.
    SlotPair(port::Flash& flash, port::Region a, port::Region b, std::uint32_t mark)
        : flash_(flash), a_(a), b_(b), newest_(b), mark_(mark) {}

    // Finds the newest whole slot; `whole(region, record)` judges its payload.
    template <typename Whole>
    std::optional<Record> find_newest(Whole&& whole) {
        std::optional<Record> found;
        sequence_ = 0;
        for (const port::Region region : {a_, b_}) {
            Header header;
            if (!read_header(region, header) || header.sequence <= sequence_) continue;
            if (!whole(region, header.record)) continue;
            newest_ = region;
            sequence_ = header.sequence;
            found = header.record;
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
        Header header{mark_, sequence_ + 1, record, 0};
        header.crc = header.own_crc();
        Header kept;
        if (!flash_.write(next(), 0, std::as_bytes(std::span(&header, 1))) ||
            !read_header(next(), kept) || kept.sequence != header.sequence)
            return false;
        newest_ = next();
        sequence_ = header.sequence;
        return true;
    }

  private:
    bool read_header(port::Region region, Header& header) {
        return flash_.read(region, 0, std::as_writable_bytes(std::span(&header, 1))) &&
               header.mark == mark_ && header.crc == header.own_crc();
    }

    port::Flash& flash_;
    port::Region a_;
    port::Region b_;
    port::Region newest_;
    std::uint32_t mark_;
    std::uint32_t sequence_ = 0;  // of the newest; 0 where there is none
};

}  // namespace ugpt::app
