// The memory that the two tasks of a chip share, dealt out once at start.
#pragma once

#include "app/device.h"
#include "app/link_task.h"
#include "sdkconfig.h"

namespace ugpt::main {

inline constexpr app::LinkLimits kLimits{.frame_bytes = CONFIG_UGPT_FRAME_BYTES,
                                         .window = CONFIG_UGPT_WINDOW};

// To be called once. The firmware stops with a message if there is not enough.
[[nodiscard]] app::DeviceMemory take_device_memory();

// Memory for the one Device, with the same promise. It is on the heap because a plain ESP32 adds
// its largest pieces to the heap only when both cores run: before, ESP-IDF's own tasks need for
// their stacks what static data leaves.
[[nodiscard]] void* take_device_place();

}  // namespace ugpt::main
