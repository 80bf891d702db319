#include "port/posix/helper.h"

namespace ugpt::port::posix {

ThreadHelper::ThreadHelper() : thread_([this] { run(); }) {}

ThreadHelper::~ThreadHelper() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void ThreadHelper::start(void (*work)(void*), void* context) {
    {
        const std::lock_guard lock(mutex_);
        work_ = work;
        context_ = context;
    }
    changed_.notify_all();
}

void ThreadHelper::wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return work_ == nullptr; });
}

// A process may have fewer cores than the board: whoever is waited for must get one.
void ThreadHelper::relax() {
    std::this_thread::yield();
}

void ThreadHelper::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return ending_ || work_ != nullptr; });
        if (work_ == nullptr) return;
        const auto work = work_;
        void* const context = context_;
        lock.unlock();
        work(context);
        lock.lock();
        work_ = nullptr;
        changed_.notify_all();
    }
}

}  // namespace ugpt::port::posix
