# The firmware's sources, relative to device/src: the one list that every build uses.

set(UGPT_ENGINE_SOURCES
    engine/arena.cpp
    engine/cost.cpp
    engine/infer/kernels.cpp
    engine/infer/layout.cpp
    engine/infer/model.cpp
    engine/infer/placement.cpp
    engine/infer/token_cost.cpp
    engine/infer/tokenizer.cpp
    engine/numeric/random.cpp
    engine/numeric/self_test.cpp
    engine/numeric/soft_fma.cpp
    engine/sampling/sampler.cpp
    engine/team.cpp
    engine/train/adam_step.cpp
    engine/train/kernels.cpp
    engine/train/layout.cpp
    engine/train/model.cpp
    engine/train/sample_text.cpp
    engine/train/tensors.cpp
)

# For x86-64 only: each is compiled for the instruction set in its name and chosen at run time.
set(UGPT_ENGINE_AVX2_SOURCES engine/infer/kernels_avx2.cpp engine/train/kernels_avx2.cpp)
set(UGPT_ENGINE_AVX512_SOURCES engine/train/kernels_avx512.cpp)

set(UGPT_BASE_SOURCES
    base/crc32.cpp
    base/sha256.cpp
)

set(UGPT_STORE_SOURCES
    store/checkpoint.cpp
    store/data_set.cpp
    store/image_header.cpp
    store/loss_history.cpp
    store/model_image.cpp
    store/model_store.cpp
    store/settings.cpp
)

# The plain reference that the engine is held to: for tests on the host, in no firmware.
set(UGPT_REFERENCE_SOURCES
    engine/reference/llama.cpp
    engine/reference/model.cpp
    engine/reference/training.cpp
)

set(UGPT_RPC_SOURCES
    rpc/codec.cpp
    rpc/envelope.cpp
    rpc/field_error.cpp
    rpc/frame.cpp
    rpc/messages.cpp
    rpc/msgpack.cpp
)

set(UGPT_APP_SOURCES
    app/autorun_sampler.cpp
    app/console_input.cpp
    app/console_writer.cpp
    app/device.cpp
    app/dispatch.cpp
    app/document_intake.cpp
    app/document_queue.cpp
    app/handlers.cpp
    app/image_handlers.cpp
    app/link_handlers.cpp
    app/link_task.cpp
    app/planning.cpp
    app/text_handlers.cpp
    app/trainer.cpp
    app/trainer_handlers.cpp
    app/trainer_memory.cpp
    app/trainer_task.cpp
    app/weights_digest.cpp
    app/writer.cpp
)

set(UGPT_POSIX_SOURCES
    main/posix.cpp
    main/posix_options.cpp
    port/posix/board.cpp
    port/posix/flash.cpp
    port/posix/helper.cpp
    port/posix/platform.cpp
    port/posix/serial.cpp
)

set(UGPT_ESP32_SOURCES
    main/esp32.cpp
    main/esp32_memory.cpp
    port/esp32/flash.cpp
    port/esp32/flash_mode.cpp
    port/esp32/flash_reading.cpp
    port/esp32/helper.cpp
    port/esp32/log.cpp
    port/esp32/platform.cpp
    port/esp32/tensor_memory.cpp
)

# One of the two, by the port of the board.
set(UGPT_ESP32_UART_SOURCES port/esp32/serial_uart.cpp)
set(UGPT_ESP32_USB_SOURCES port/esp32/serial_usb_jtag.cpp)
