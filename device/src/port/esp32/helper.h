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
    // What the parts of a training step need, and the registers of the FPU that a task switch
    // saves. docs/memory.md says how much of it is used.
    static constexpr std::size_t kStackBytes = 2048;

    // Starts the task on `core`. The stack must last as long as the helper, which lasts for ever.
    TaskHelper(BaseType_t core, UBaseType_t priority, std::span<StackType_t> stack);
    TaskHelper(const TaskHelper&) = delete;
    TaskHelper& operator=(const TaskHelper&) = delete;

    [[nodiscard]] std::uint32_t count() const override { return 1; }
    void employ(void (*work)(void*, std::uint32_t), void* context) override;
    void wake(std::uint32_t count) override;
    void relax() override;

  private:
    [[noreturn]] static void run(void* self);
    void rest();

    StaticSemaphore_t begin_storage_;
    SemaphoreHandle_t begin_;  // given for each piece of work
    const BaseType_t core_;
    void (*work_)(void*, std::uint32_t) = nullptr;
    void* context_ = nullptr;
    StaticTask_t task_;
    TickType_t rested_ = 0;
};

}  // namespace ugpt::port::esp32
