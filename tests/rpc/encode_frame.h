// A whole frame at once; the firmware sends frames in pieces.
#pragma once

#include <algorithm>
#include <span>

#include "rpc/frame.h"

namespace ugpt::rpc {

// Returns the size of the frame, or 0 if `out` is smaller.
[[nodiscard]] inline std::size_t encode_frame(std::span<const std::uint8_t> body,
                                              std::span<std::uint8_t> out) {
    FrameEncoder encoder(body);
    std::size_t size = 0;
    for (auto piece = encoder.next(); !piece.empty(); piece = encoder.next()) {
        if (piece.size() > out.size() - size) return 0;
        std::ranges::copy(piece, out.begin() + static_cast<std::ptrdiff_t>(size));
        size += piece.size();
    }
    return size;
}

}  // namespace ugpt::rpc
