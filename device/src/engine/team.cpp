#include "engine/team.h"

namespace ugpt::engine {

void Team::begin() {
    if (helper_ == nullptr) {
        return;
    }
    unclaimed_.store(0, std::memory_order_relaxed);
    helper_->start(help, this);
}

void Team::end() {
    if (helper_ == nullptr) {
        return;
    }
    unclaimed_.store(kEnded, std::memory_order_release);
    helper_->wait();
}

// Takes the last part that is left. False if there is none.
bool Team::claim(std::uint32_t& part) {
    std::uint32_t left = unclaimed_.load(std::memory_order_relaxed);
    while (left != 0 && left != kEnded) {
        if (unclaimed_.compare_exchange_weak(left, left - 1, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
            part = left - 1;
            return true;
        }
    }
    return false;
}

void Team::help(void* self) {
    Team& team = *static_cast<Team*>(self);
    std::uint32_t part = 0;
    while (team.unclaimed_.load(std::memory_order_relaxed) != kEnded) {
        if (team.claim(part)) {
            team.call_(team.context_, part);
            team.done_.fetch_add(1, std::memory_order_release);
        } else {
            team.helper_->relax();
        }
    }
}

void Team::share_with_helper(std::uint32_t parts, Call call, const void* context) {
    call_ = call;
    context_ = context;
    done_.store(0, std::memory_order_relaxed);
    unclaimed_.store(parts, std::memory_order_release);
    std::uint32_t own = 0;
    for (std::uint32_t part = 0; claim(part); ++own) {
        call(context, part);
    }
    while (done_.load(std::memory_order_acquire) + own != parts) {
        helper_->relax();
    }
}

}  // namespace ugpt::engine
