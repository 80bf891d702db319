// How the work of a step is divided over the cores: by what is computed, never by the terms of a
// sum, so that each element is the same chain on whichever core. docs/numerics.md has the chains.
#pragma once

#include <algorithm>

#include "engine/train/network.h"

namespace ugpt::engine {
namespace {

// Pieces of work that need nothing of each other.
template <class Each>
struct Job {
    std::size_t pieces;
    Each each;  // each(piece, core)
};

// Does all jobs, the pieces of the first one first; returns when all are done.
template <class First, class... Others>
void share(const Network& net, const First& first, const Others&... others) {
    const std::size_t pieces = (first.pieces + ... + others.pieces);
    net.team->share(static_cast<std::uint32_t>(pieces), [&](std::size_t piece, std::size_t core) {
        const auto is_done_by = [&](const auto& job) {
            if (piece >= job.pieces) {
                piece -= job.pieces;
                return false;
            }
            job.each(piece, core);
            return true;
        };
        (is_done_by(first) || ... || is_done_by(others));
    });
}

// each(first, count, core) for all rows, `together` of them a piece.
template <class Each>
auto by_rows(std::size_t rows, std::size_t together, const Each& each) {
    const auto piece = [=, &each](std::size_t i, std::size_t core) {
        const std::size_t first = i * together;
        each(first, std::min(together, rows - first), core);
    };
    return Job<decltype(piece)>{(rows + together - 1) / together, piece};
}

// each(first, count) for positions [first, first + count), whole vectors a piece.
template <class Lanes, class Each>
auto by_positions(const Network& net, std::size_t first, std::size_t count, const Each& each) {
    std::size_t together = count;
    if (net.team->divides()) {
        // Two pieces for a core: the first one to be done takes what the others have left.
        const std::size_t pieces = 2 * net.team->cores();
        together = round_up((count + pieces - 1) / pieces, Lanes::kWidth);
    }
    const auto piece = [=, &each](std::size_t i, std::size_t) {
        const std::size_t begin = i * together;
        each(first + begin, std::min(together, count - begin));
    };
    return Job<decltype(piece)>{(count + together - 1) / together, piece};
}

// How many rows of a matrix are updated in a piece. A sum over all gradients has one order, so one
// core computes it.
[[maybe_unused]] std::size_t updated_together(const Network& net, const Update& update,
                                              const Matrix& matrix) {
    const bool divides = net.team->divides() && update.squares == nullptr;
    return divides ? matrix.division.update : matrix.rows;
}

}  // namespace
}  // namespace ugpt::engine
