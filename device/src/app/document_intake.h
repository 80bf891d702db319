// Takes the documents that a host sends, in the order of training.
#pragma once

#include <cstdint>

#include "app/call_error.h"
#include "app/shared.h"
#include "rpc/messages.h"

namespace ugpt::app {

// Used by the link task only.
class DocumentIntake {
  public:
    explicit DocumentIntake(Shared& shared) : shared_(shared) {}

    // Queues those of the documents from index `first` on that are new and have room.
    CallError take(const Progress& progress, std::uint32_t first, const rpc::BinArray& documents);

    // Index of the next document to send, and how many there is room for.
    [[nodiscard]] std::uint32_t next(const Progress& progress);
    [[nodiscard]] std::uint16_t room(const Progress& progress) const;

  private:
    rpc::ErrorCode push(std::span<const std::uint8_t> encoded, const Progress& progress,
                        bool& taken);

    Shared& shared_;
    std::uint32_t generation_ = 0;  // of the documents sent last
    std::uint32_t next_ = 0;
};

}  // namespace ugpt::app
