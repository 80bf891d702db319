// A thread that stands for the other core.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "port/port.h"

namespace ugpt::port::posix {

class ThreadHelper : public Helper {
  public:
    ThreadHelper();
    ~ThreadHelper() override;
    ThreadHelper(const ThreadHelper&) = delete;
    ThreadHelper& operator=(const ThreadHelper&) = delete;

    void start(void (*work)(void*), void* context) override;
    void wait() override;
    void relax() override;

  private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    void (*work_)(void*) = nullptr;  // under way or about to be; nullptr: blocked
    void* context_ = nullptr;
    bool ending_ = false;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace ugpt::port::posix
