#include "port/posix/helper.h"

namespace ugpt::port::posix {

ThreadHelper::ThreadHelper(std::uint32_t count) : count_(count) {
    for (std::uint32_t core = 1; core <= count; ++core)
        threads_.emplace_back([this, core] { run(core); });
}

ThreadHelper::~ThreadHelper() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    woken_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void ThreadHelper::employ(void (*work)(void*, std::uint32_t), void* context) {
    const std::lock_guard lock(mutex_);
    work_ = work;
    context_ = context;
}

void ThreadHelper::wake(std::uint32_t count) {
    {
        const std::lock_guard lock(mutex_);
        calls_ += count;
    }
    woken_.notify_all();
}

// A process may have fewer cores than the board: whoever is waited for must get one.
void ThreadHelper::relax() {
    std::this_thread::yield();
}

void ThreadHelper::run(std::uint32_t core) {
    std::unique_lock lock(mutex_);
    for (;;) {
        woken_.wait(lock, [this] { return ending_ || calls_ > 0; });
        if (calls_ == 0) return;
        --calls_;
        const auto work = work_;
        void* const context = context_;
        lock.unlock();
        work(context, core);
        lock.lock();
    }
}

}  // namespace ugpt::port::posix
