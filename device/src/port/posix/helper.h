// Threads that stand for the other cores.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "port/port.h"

namespace ugpt::port::posix {

class ThreadHelper : public Helper {
  public:
    explicit ThreadHelper(std::uint32_t count);
    ~ThreadHelper() override;
    ThreadHelper(const ThreadHelper&) = delete;
    ThreadHelper& operator=(const ThreadHelper&) = delete;

    [[nodiscard]] std::uint32_t count() const override { return count_; }
    void employ(void (*work)(void*, std::uint32_t), void* context) override;
    void wake(std::uint32_t count) override;
    void relax() override;

  private:
    void run(std::uint32_t core);

    const std::uint32_t count_;
    std::mutex mutex_;
    std::condition_variable woken_;
    void (*work_)(void*, std::uint32_t) = nullptr;
    void* context_ = nullptr;
    std::uint32_t calls_ = 0;  // that no thread has followed yet
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace ugpt::port::posix
