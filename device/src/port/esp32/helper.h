// A task on the core that the trainer leaves free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "port/port.h"

namespace ugpt::port::esp32 {

class TaskHelper : public Helper {
  public:
    // What the products and attention need, and the registers of the FPU that a task switch saves.
    static constexpr std::size_t kStackBytes = 2048;

    // Starts the task on `core`. The stack must last as long as the helper, which lasts for ever.
    TaskHelper(BaseType_t core, UBaseType_t priority, std::span<StackType_t> stack);
    TaskHelper(const TaskHelper&) = delete;
    TaskHelper& operator=(const TaskHelper&) = delete;

    void start(void (*work)(void*), void* context) override;
    void wait() override;
    void relax() override;

  private:
    [[noreturn]] static void run(void* self);

    StaticSemaphore_t begin_storage_;
    StaticSemaphore_t end_storage_;
    SemaphoreHandle_t begin_;  // given for each piece of work
    SemaphoreHandle_t end_;    // given when it has returned
    const BaseType_t core_;
    void (*work_)(void*) = nullptr;
    void* context_ = nullptr;
    StaticTask_t task_;
};

}  // namespace ugpt::port::esp32
