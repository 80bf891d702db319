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

}  // namespace ugpt::main
