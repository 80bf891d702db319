#include "engine/team.h"

#include <algorithm>

// A test delays a core here, wherever work or the word for it passes from one core to another.
#if defined(UGPT_AT_HAND_OVER)
extern "C" void UGPT_AT_HAND_OVER();
#else
#define UGPT_AT_HAND_OVER() static_cast<void>(0)
#endif

namespace ugpt::engine {
namespace {

std::uint32_t first_of(std::uint32_t unclaimed) {
    return unclaimed & 0xffff;
}

std::uint32_t end_of(std::uint32_t unclaimed) {
    return unclaimed >> 16;
}

}  // namespace

Team::Team(Helper* helper, std::uint32_t cores) : helper_(helper), cores_(cores) {
    if (helper_ == nullptr) {
        return;
    }
    cores_ = std::max(cores_, 1 + helper_->count());
    unclaimed_.store(kEnded + helper_->count(), std::memory_order_relaxed);
    helper_->employ(help, this);
}

Team::~Team() {
    if (helper_ == nullptr) {
        return;
    }
    while (unclaimed_.load(std::memory_order_acquire) != kEnded + helper_->count()) {
        helper_->relax();
    }
}

void Team::begin() {
    if (helper_ == nullptr) {
        return;
    }
    divides_ = true;
    // A helper that has not yet left stays: only those that have are woken.
    const std::uint32_t left = unclaimed_.exchange(0, std::memory_order_acquire) - kEnded;
    UGPT_AT_HAND_OVER();
    if (left > 0) {
        helper_->wake(left);
    }
}

void Team::end() {
    if (helper_ == nullptr) {
        return;
    }
    divides_ = false;
    unclaimed_.store(kEnded, std::memory_order_release);
}

// Takes the first piece that is left. False if there is none.
[[gnu::noinline]] bool Team::claim_first(std::uint32_t& piece) {
    std::uint32_t left = unclaimed_.load(std::memory_order_relaxed);
    while (first_of(left) != end_of(left)) {
        if (unclaimed_.compare_exchange_weak(left, left + 1, std::memory_order_relaxed,
                                             std::memory_order_relaxed)) {
            piece = first_of(left);
            return true;
        }
    }
    return false;
}

// Takes the last piece that is left. False if there is none.
bool Team::claim_last(std::uint32_t& piece) {
    std::uint32_t left = unclaimed_.load(std::memory_order_relaxed);
    while (left < kEnded && first_of(left) != end_of(left)) {
        UGPT_AT_HAND_OVER();
        if (unclaimed_.compare_exchange_weak(left, left - kOneLast, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
            piece = end_of(left) - 1;
            return true;
        }
    }
    return false;
}

// False if something is shared again.
bool Team::leave(std::uint32_t seen) {
    while (seen >= kEnded) {
        UGPT_AT_HAND_OVER();
        if (unclaimed_.compare_exchange_weak(seen, seen + 1, std::memory_order_release,
                                             std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

void Team::help(void* self, std::uint32_t core) {
    Team& team = *static_cast<Team*>(self);
    for (;;) {
        std::uint32_t piece = 0;
        if (team.claim_last(piece)) {
            team.call_(team.context_, piece, core);
            UGPT_AT_HAND_OVER();
            team.done_.fetch_add(1, std::memory_order_release);
            continue;
        }
        const std::uint32_t seen = team.unclaimed_.load(std::memory_order_relaxed);
        if (seen >= kEnded && team.leave(seen)) {
            return;
        }
        team.helper_->relax();
    }
}

void Team::run(std::uint32_t pieces, Call call, const void* context) {
    if (divides_ && pieces > 1) {
        share_out(pieces, call, context);
        return;
    }
    for (std::uint32_t piece = 0; piece < pieces; ++piece) {
        call(context, piece, 0);
    }
}

// This function, `claim_first` and `join` are calls of their own: the counter of instructions tells
// by them where a piece begins (bench/instructions.py).
[[gnu::noinline]] void Team::share_out(std::uint32_t pieces, Call call, const void* context) {
    call_ = call;
    context_ = context;
    done_.store(0, std::memory_order_relaxed);
    UGPT_AT_HAND_OVER();
    unclaimed_.store(pieces << 16, std::memory_order_release);
    UGPT_AT_HAND_OVER();
    std::uint32_t own = 0;
    for (std::uint32_t piece = 0; claim_first(piece); ++own) {
        UGPT_AT_HAND_OVER();
        call(context, piece, 0);
    }
    join(pieces - own);
}

// Returns when helpers have done `helped` pieces.
[[gnu::noinline]] void Team::join(std::uint32_t helped) {
    while (done_.load(std::memory_order_acquire) != helped) {
        helper_->relax();
    }
}

}  // namespace ugpt::engine
