// How the work of a step is divided over the cores: by what is computed, never by the terms of a
// sum, so that each element is the same chain on whichever core. docs/numerics.md has the chains.
#pragma once

#include <algorithm>

#include "engine/train/network.h"

namespace ugpt::engine {
namespace {

constexpr std::size_t pieces_of(std::size_t count, std::size_t together) {
    return together >= count ? 1 : (count + together - 1) / together;
}

// Work on `count` rows or positions that need nothing of each other, `together` of them a piece.
template <class Each>
struct Job {
    std::size_t count;
    std::size_t together;
    Each each;  // each(first, count, core)

    [[nodiscard]] std::size_t pieces() const { return pieces_of(count, together); }
    void piece(std::size_t i, std::size_t core) const {
        const std::size_t first = i * together;
        each(first, std::min(together, count - first), core);
    }
};

// each(first, count, core) for all rows, `together` of them a piece.
template <class Each>
Job<Each> by_rows(std::size_t rows, std::size_t together, const Each& each) {
    return {rows, together, each};
}

// Does a job on all cores; returns when it is done. A core that has no help does it in one piece,
// without any of what dividing costs.
template <class Each>
void share(const Network& net, const Job<Each>& job) {
    if (!net.team->divides()) {
        job.each(0, job.count, 0);
        return;
    }
    net.team->share(static_cast<std::uint32_t>(job.pieces()),
                    [&job](std::size_t i, std::size_t core) { job.piece(i, core); });
}

// The same for two jobs that need nothing of each other. The pieces of the second one lie in the
// middle: cores take pieces from both ends, and those that they take last should be the small ones.
template <class Large, class Small>
void share(const Network& net, const Job<Large>& large, const Job<Small>& small) {
    if (!net.team->divides()) {
        large.each(0, large.count, 0);
        small.each(0, small.count, 0);
        return;
    }
    const std::size_t middle = large.pieces() / 2;
    const std::size_t inner = small.pieces();
    net.team->share(static_cast<std::uint32_t>(large.pieces() + inner),
                    [&, middle, inner](std::size_t i, std::size_t core) {
                        if (i < middle) {
                            large.piece(i, core);
                        } else if (i < middle + inner) {
                            small.piece(i - middle, core);
                        } else {
                            large.piece(i - inner, core);
                        }
                    });
}

// each(first, count, core) for positions from 0 on, whole vectors a piece.
template <class Lanes, class Each>
Job<Each> by_positions(const Network& net, std::size_t count, const Each& each) {
    std::size_t together = count;
    if (net.team->divides()) {
        const std::size_t pieces = net.team->cores();
        together = round_up((count + pieces - 1) / pieces, Lanes::kWidth);
    }
    return {count, together, each};
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
