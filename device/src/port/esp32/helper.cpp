#include "port/esp32/helper.h"

#include "esp_cpu.h"
#include "esp_system.h"

namespace ugpt::port::esp32 {
namespace {

constexpr TickType_t kMostTicksWithoutRest = pdMS_TO_TICKS(1000);

}  // namespace

TaskHelper::TaskHelper(BaseType_t core, UBaseType_t priority, std::span<StackType_t> stack)
    : begin_(xSemaphoreCreateBinaryStatic(&begin_storage_)), core_(core) {
    const auto size_bytes = static_cast<std::uint32_t>(stack.size_bytes());
    if (xTaskCreateStaticPinnedToCore(run, "helper", size_bytes, this, priority, stack.data(),
                                      &task_, core) == nullptr)
        esp_system_abort("ugpt: the helper's task cannot be made");
}

// The task reads both behind a semaphore that is given later.
void TaskHelper::employ(void (*work)(void*, std::uint32_t), void* context) {
    work_ = work;
    context_ = context;
}

void TaskHelper::wake(std::uint32_t /*count*/) {
    xSemaphoreGive(begin_);
}

// The other core reaches memory more easily while this one does not. A helper that has nothing to
// do also lets the idle task run now and then, which the watchdog waits for; the trainer does
// everything meanwhile.
void TaskHelper::relax() {
    for (int i = 0; i < 8; ++i) asm volatile("nop");
    if (esp_cpu_get_core_id() == core_) rest();
}

void TaskHelper::rest() {
    if (xTaskGetTickCount() - rested_ < kMostTicksWithoutRest) return;
    vTaskDelay(1);
    rested_ = xTaskGetTickCount();
}

void TaskHelper::run(void* self) {
    TaskHelper& helper = *static_cast<TaskHelper*>(self);
    // On the core of the trainer it would only take turns with it, and nobody would notice.
    if (esp_cpu_get_core_id() != helper.core_)
        esp_system_abort("ugpt: the helper runs on another core than it was pinned to");
    helper.rested_ = xTaskGetTickCount();
    for (;;) {
        xSemaphoreTake(helper.begin_, portMAX_DELAY);
        helper.work_(helper.context_, 1);
        helper.rest();  // between two steps there may be too little time for the idle task
    }
}

}  // namespace ugpt::port::esp32
