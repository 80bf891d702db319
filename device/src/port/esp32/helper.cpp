#include "port/esp32/helper.h"

#include "esp_cpu.h"
#include "esp_system.h"

namespace ugpt::port::esp32 {

TaskHelper::TaskHelper(BaseType_t core, UBaseType_t priority, std::span<StackType_t> stack)
    : begin_(xSemaphoreCreateBinaryStatic(&begin_storage_)),
      end_(xSemaphoreCreateBinaryStatic(&end_storage_)),
      core_(core) {
    const auto size_bytes = static_cast<std::uint32_t>(stack.size_bytes());
    if (xTaskCreateStaticPinnedToCore(run, "helper", size_bytes, this, priority, stack.data(),
                                      &task_, core) == nullptr)
        esp_system_abort("ugpt: the helper's task cannot be made");
}

void TaskHelper::start(void (*work)(void*), void* context) {
    work_ = work;
    context_ = context;
    xSemaphoreGive(begin_);
}

void TaskHelper::wait() {
    xSemaphoreTake(end_, portMAX_DELAY);
}

// Each core waits on its own, so there is nobody to leave it to. The other one reaches memory more
// easily while this one does not.
void TaskHelper::relax() {
    for (int i = 0; i < 8; ++i) asm volatile("nop");
}

void TaskHelper::run(void* self) {
    TaskHelper& helper = *static_cast<TaskHelper*>(self);
    // On the core of the trainer it would only take turns with it, and nobody would notice.
    if (esp_cpu_get_core_id() != helper.core_)
        esp_system_abort("ugpt: the helper runs on another core than it was pinned to");
    for (;;) {
        xSemaphoreTake(helper.begin_, portMAX_DELAY);
        helper.work_(helper.context_);
        xSemaphoreGive(helper.end_);
    }
}

}  // namespace ugpt::port::esp32
