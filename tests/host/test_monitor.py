"""`ugpt monitor` and a board that restarts, falls, vanishes, or is to write by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.support.peer import HELLO, MemoryLine, Peer, Refused
from tests.support.virtual_time import leaping
from ugpt.device import followed_target
from ugpt.device.ports import PortInfo
from ugpt.device.target import Target
from ugpt.diagnostics import monitor
from ugpt.rpc.codec import encode_record
from ugpt.rpc.errors import PortNotFound
from ugpt.rpc.messages import DeviceState, ErrorCode, ImageInfo, LlamaShape, MatrixFormat, Status
from ugpt.rpc.receiver import LogLine

IDLE = Status(DeviceState.IDLE, 7, 100, 100, 100, 2.0, 700, 100, 64, 1, 0, 900, 50_000)
PRETRAINED = ImageInfo(
    True,
    "tiny",
    "MIT",
    1000,
    bytes(32),
    MatrixFormat.Q8,
    LlamaShape(1, 32, 8, 1, 64, 300, 64, False),
)
TARGET = Target("/dev/ttyUSB0")
GREETED = "esp32 (board esp32dev), firmware test"
FELL = LogLine("rst:0x1 (POWERON_RESET),boot:0x13", None)


class Watched:
    """A board in the hands of a monitor."""

    def __init__(self, status: Status, stored: ImageInfo | None) -> None:
        self.peer = Peer(HELLO)
        self.peer.handlers["status"] = lambda params: [encode_record(status)]
        self.peer.handlers["image_info"] = lambda params: [encode_record(self._stored())]
        self.stored = stored
        self.lines: list[LogLine] = []
        self.remarks: list[str] = []
        self.absent_times = 0
        """How often the port is still missing when it is opened."""
        self.ports: list[PortInfo] = []
        self.opened: list[str | None] = []
        self.monitor: monitor.Monitor

    @property
    def methods(self) -> list[str]:
        return [method for _, method in self.peer.requests]

    def _stored(self) -> ImageInfo:
        if self.stored is None:
            raise Refused(ErrorCode.NO_STORY, "")
        return self.stored

    async def open_transport(self, target: Target) -> MemoryLine:
        self.opened.append(target.port)
        if self.absent_times:
            self.absent_times -= 1
            raise PortNotFound(str(TARGET.port), "it is not there", "Plug it in.")
        self.peer.line = MemoryLine(self.peer, can_set_baud=False)
        return self.peer.line


@asynccontextmanager
async def watched(
    monkeypatch: pytest.MonkeyPatch,
    status: Status = IDLE,
    *,
    listen_only: bool = False,
    ports: Sequence[PortInfo] = (),
    stored: ImageInfo | None = None,
) -> AsyncIterator[Watched]:
    board = Watched(status, stored)
    board.ports = list(ports)
    monkeypatch.setattr(Target, "open_transport", lambda target: board.open_transport(target))
    monkeypatch.setattr(followed_target, "list_ports", lambda: board.ports)
    watching = monitor.Monitor(
        TARGET, board.lines.append, board.remarks.append, listen_only=listen_only
    )
    board.monitor = watching
    running = asyncio.create_task(watching.run())
    await asyncio.sleep(1.0)
    assert board.remarks.pop(0) == "listening to /dev/ttyUSB0"
    try:
        yield board
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait({running})
        assert board.peer.line.closed


@leaping
async def test_a_board_that_restarts_is_greeted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(monkeypatch) as board:
        for times in (1, 2, 3):
            assert board.remarks == [GREETED] * times
            assert board.methods == ["hello", "status"] * times
            board.peer.restart(silently=False)
            await asyncio.sleep(1.0)
        assert board.lines.count(FELL) == 3


@leaping
async def test_what_is_typed_begins_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(monkeypatch) as board:
        arrived: list[bytes] = []
        board.peer.from_host = lambda data: arrived.append(data) or [data]  # type: ignore[func-returns-value]
        for typed in ("O\0n", "\0", "", "ç\n"):
            await board.monitor.send(typed)
        assert arrived == [b"On", "ç\n".encode()]


@leaping
async def test_a_board_that_falls_while_it_is_greeted_is_greeted_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with watched(monkeypatch) as board:
        answer = board.peer.handlers["status"]

        def fall(params: list[object]) -> list[object]:
            board.peer.handlers["status"] = answer
            board.peer.restart(silently=False)
            return []

        board.peer.handlers["status"] = fall
        board.peer.restart(silently=False)
        await asyncio.sleep(2.0)
        assert board.remarks == [GREETED] * 2
        assert board.methods == ["hello", "status"] * 3


@leaping
async def test_a_board_that_is_to_write_is_restarted_and_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with watched(monkeypatch, replace(IDLE, autorun=True)) as board:
        board.peer.say(b"kamon\r\n")
        board.peer.restart(silently=False)  # by its button
        await asyncio.sleep(5.0)
        assert board.methods == ["hello", "status", "reset"]
        assert board.remarks == [
            GREETED,
            "Autorun is on: the board is restarted and left alone.",
        ]
        assert LogLine("kamon", None) in board.lines


@leaping
@pytest.mark.parametrize(
    ("stored", "restarted"),
    [(PRETRAINED, True), (replace(PRETRAINED, whole=False), False), (None, False)],
)
async def test_a_board_without_a_run_may_have_stories_to_write(
    monkeypatch: pytest.MonkeyPatch, stored: ImageInfo | None, restarted: bool
) -> None:
    status = replace(IDLE, autorun=True, state=DeviceState.EMPTY)
    async with watched(monkeypatch, status, stored=stored) as board:
        await asyncio.sleep(5.0)
        assert board.methods == ["hello", "status", "image_info"] + ["reset"] * restarted


@leaping
async def test_a_board_that_trains_is_not_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    status = replace(IDLE, autorun=True, state=DeviceState.TRAINING)
    async with watched(monkeypatch, status) as board:
        assert board.methods == ["hello", "status"]


@leaping
async def test_whoever_only_listens_greets_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(monkeypatch, listen_only=True) as board:
        board.peer.restart(silently=False)
        await asyncio.sleep(5.0)
        assert board.methods == []
        assert board.remarks == []
        assert FELL in board.lines


@leaping
async def test_only_a_port_that_opens_is_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Watched(IDLE, None)
    board.absent_times = 1
    monkeypatch.setattr(Target, "open_transport", lambda target: board.open_transport(target))
    watching = monitor.Monitor(TARGET, board.lines.append, board.remarks.append)
    with pytest.raises(PortNotFound):
        await watching.run()
    assert board.opened == ["/dev/ttyUSB0"]
    assert board.remarks == []


@leaping
async def test_a_port_that_vanishes_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(monkeypatch) as board:
        board.absent_times = 5
        board.peer.line.arrive(b"")
        await asyncio.sleep(10.0)
        assert board.absent_times == 0
        assert board.remarks == [
            GREETED,
            "/dev/ttyUSB0 is gone; waiting for it to come back.",
            "/dev/ttyUSB0 is back.",
            GREETED,
        ]


@leaping
async def test_a_board_that_is_to_write_is_restarted_again_when_it_is_plugged_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with watched(monkeypatch, replace(IDLE, autorun=True)) as board:
        for times in (1, 2):
            assert board.methods == ["hello", "status", "reset"] * times
            board.peer.line.arrive(b"")
            await asyncio.sleep(2.0)


@leaping
async def test_a_board_that_comes_back_as_another_port_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board = PortInfo("/dev/ttyUSB0", "", "CP210x", "D7A2")
    async with watched(monkeypatch, ports=[board]) as watched_board:
        watched_board.ports = []
        watched_board.peer.line.arrive(b"")
        await asyncio.sleep(10.0)
        watched_board.ports = [
            PortInfo("/dev/ttyUSB0", "", "CP210x", "0001"),
            replace(board, device="/dev/ttyUSB1"),
        ]
        await asyncio.sleep(2.0)
        assert watched_board.opened == ["/dev/ttyUSB0", "/dev/ttyUSB1"]
        assert "/dev/ttyUSB1 is back." in watched_board.remarks


@leaping
async def test_a_board_without_our_firmware_is_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(monkeypatch) as board:
        board.peer.deaf = True
        board.peer.restart(silently=False)
        await asyncio.sleep(10.0)
        assert "whatever the board says is shown." in board.remarks[-1]
        asked = len(board.peer.requests)
        board.peer.deaf = False
        board.peer.say(b">>> \r\nstill here\r\n")
        await asyncio.sleep(1.0)
        assert LogLine("still here", None) in board.lines
        assert len(board.peer.requests) == asked


PANIC = (
    b"Guru Meditation Error: Core  1 panic'ed (StoreProhibited). Exception was unhandled.\r\n"
    b"Backtrace: 0x400d1a2b:0x3ffb1f50\r\n\r\nRebooting...\r\n"
)
WAITING = "The firmware has crashed; waiting for the board to restart."


@leaping
async def test_a_board_that_crashes_is_not_disturbed_until_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with watched(monkeypatch) as board:
        asked = len(board.peer.requests)
        board.peer.deaf = True
        board.peer.say(PANIC)
        await asyncio.sleep(8.0)
        board.peer.deaf = False
        assert len(board.peer.requests) == asked
        assert board.peer.unheard_bytes == 0
        assert board.remarks == [GREETED, WAITING]
        board.peer.restart(silently=False)
        await asyncio.sleep(1.0)
        assert board.remarks == [GREETED, WAITING, GREETED]


@leaping
async def test_a_board_that_stays_down_after_a_crash_is_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with watched(monkeypatch) as board:
        board.peer.deaf = True
        board.peer.say(PANIC)
        await asyncio.sleep(60.0)
        assert board.remarks[:2] == [GREETED, WAITING]
        assert "crashes" in board.remarks[2]
        assert len(board.remarks) == 3
        board.peer.deaf = False
        board.peer.restart(silently=False)
        await asyncio.sleep(1.0)
        assert board.remarks[3] == GREETED


@leaping
async def test_a_board_that_starts_again_and_again_is_diagnosed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with watched(monkeypatch, listen_only=True) as board:
        for _ in range(5):
            board.peer.say(b"rst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n")
            board.peer.say(b"invalid header: 0xffffffff\r\n" * 3)
            await asyncio.sleep(2.0)
        (remark,) = board.remarks
        assert remark.startswith("The board finds nothing in its flash that can start. Write")
