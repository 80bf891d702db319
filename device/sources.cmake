# The firmware's sources, relative to device/src: the one list that every build uses.

set(UGPT_ENGINE_SOURCES
    engine/adam_step.cpp
    engine/arena.cpp
    engine/kernels.cpp
    engine/layout.cpp
    engine/model.cpp
    engine/random.cpp
    engine/sampler.cpp
    engine/self_test.cpp
    engine/soft_fma.cpp
)

# For x86-64 only: each is compiled for the instruction set in its name and chosen at run time.
set(UGPT_ENGINE_AVX2_SOURCES engine/kernels_avx2.cpp)
set(UGPT_ENGINE_AVX512_SOURCES engine/kernels_avx512.cpp)

# The plain reference that the engine is held to: for tests on the host, in no firmware.
set(UGPT_REFERENCE_SOURCES engine/reference/model.cpp engine/reference/training.cpp)

set(UGPT_RPC_SOURCES
    rpc/crc32.cpp
    rpc/envelope.cpp
    rpc/fields.cpp
    rpc/frame.cpp
    rpc/messages.cpp
    rpc/msgpack.cpp
)

set(UGPT_APP_SOURCES
    app/checkpoint.cpp
    app/curve_store.cpp
    app/device.cpp
    app/document_ring.cpp
    app/document_store.cpp
    app/link_task.cpp
    app/narrator.cpp
    app/planning.cpp
    app/trainer.cpp
    app/trainer_task.cpp
)

set(UGPT_POSIX_SOURCES
    port/posix/board.cpp
    port/posix/flash.cpp
    port/posix/main.cpp
    port/posix/options.cpp
    port/posix/platform.cpp
    port/posix/serial.cpp
)

set(UGPT_ESP32_SOURCES
    port/esp32/flash.cpp
    port/esp32/log.cpp
    port/esp32/main.cpp
    port/esp32/memory.cpp
    port/esp32/platform.cpp
)

# One of the two, by the port of the board.
set(UGPT_ESP32_UART_SOURCES port/esp32/serial_uart.cpp)
set(UGPT_ESP32_USB_SOURCES port/esp32/serial_usb_jtag.cpp)
