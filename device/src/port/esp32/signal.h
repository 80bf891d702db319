// How one task wakes the other.
#pragma once

#include <cstdint>

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "port/port.h"

namespace ugpt::port::esp32 {

class TaskSignal : public Signal {
  public:
    TaskSignal() : semaphore_(xSemaphoreCreateBinaryStatic(&storage_)) {}
    TaskSignal(const TaskSignal&) = delete;
    TaskSignal& operator=(const TaskSignal&) = delete;

    void set() override { xSemaphoreGive(semaphore_); }
    void wait(std::uint32_t timeout_ms) override {
        xSemaphoreTake(semaphore_, pdMS_TO_TICKS(timeout_ms));
    }

  private:
    StaticSemaphore_t storage_;
    SemaphoreHandle_t semaphore_;
};

}  // namespace ugpt::port::esp32
