# The firmware's sources, relative to device/src: the one list that every build uses.

set(UGPT_ENGINE_SOURCES
)

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
    app/device.cpp
    app/document_ring.cpp
    app/link_task.cpp
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
