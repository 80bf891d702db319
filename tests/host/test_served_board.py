"""A board behind a TCP port: one host has it, and nobody else is in its way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import random
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.support.devices import listening_device
from tests.support.served import Served, served, works
from ugpt import Target
from ugpt.concurrency import run_together
from ugpt.fleet import served_board
from ugpt.fleet.guest import Guest, Lobby
from ugpt.rpc import messages
from ugpt.rpc.envelope import encode_request
from ugpt.rpc.errors import PortBusy, PortLost, PortNotFound
from ugpt.rpc.frames import encode_frame
from ugpt.rpc.transport import open_serial

TURNED_AWAY = b"ugpt-device: in use by the program at 127.0.0.1:"
PING = encode_frame(encode_request(1, messages.ping(b"")))


@pytest.fixture
async def offered(tmp_path: Path) -> AsyncIterator[Served]:
    """A virtual device, offered."""
    async with listening_device("pty", tmp_path / "flash") as port, served(port) as board:
        yield board


async def everything(reader: asyncio.StreamReader) -> bytes:
    """What a connection says until it ends, in whatever way."""
    data = b""
    async with asyncio.timeout(20.0):
        with contextlib.suppress(ConnectionError):
            while more := await reader.read(65536):
                data += more
    return data


async def test_a_host_uses_it_as_if_it_were_its_own(offered: Served) -> None:
    for _ in range(3):
        async with Target(offered.port).connect() as device:
            await works(device, 20)
    assert offered.remarks[0].startswith("board is used by ")
    assert offered.remarks[1:4:2] == ["board is free again."] * 2


async def test_a_second_host_is_told_who_has_it(offered: Served) -> None:
    async with Target(offered.port).connect() as device:
        with pytest.raises(PortBusy, match=r"in use by the program at 127\.0\.0\.1:\d+\."):
            async with Target(offered.port).connect():
                pass
        await works(device)
    async with Target(offered.port).connect() as device:
        await works(device)


async def test_a_host_that_says_nothing_has_nothing(
    offered: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_board, "FIRST_FRAME_S", 0.2)
    silent, writer = await offered.connection()
    async with Target(offered.port).connect() as device:
        await works(device)
        assert await everything(silent) == b""  # it is hung up on after a time
        await works(device)
    writer.close()
    assert not len(offered.lobby)


async def test_of_two_that_came_before_it_was_taken_the_first_to_speak_gets_it(
    offered: Served,
) -> None:
    late, late_writer = await offered.connection()
    async with Target(offered.port).connect() as device:
        late_writer.write(PING)
        assert (await everything(late)).startswith(TURNED_AWAY)
        await works(device)
    late_writer.close()


async def test_of_two_that_wait_for_one_that_leaves_one_gets_it(offered: Served) -> None:
    (first, leaving), *waiting = [await offered.connection() for _ in range(3)]
    leaving.write(PING)
    assert await first.read(1)
    leaving.close()
    await leaving.wait_closed()
    for _, writer in waiting:
        writer.write(PING)
    said = await asyncio.gather(*(reader.read(len(TURNED_AWAY)) for reader, _ in waiting))
    assert [line == TURNED_AWAY for line in said].count(True) == 1
    with pytest.raises(PortBusy, match="in use by the program at"):
        async with Target(offered.port).connect():
            pass
    for _, writer in waiting:
        writer.close()


async def test_a_host_that_fell_silent_loses_it_to_the_next(
    offered: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_board, "PATIENCE_S", 0.0)
    silent, writer = await offered.connection()
    writer.write(PING)
    assert await silent.read(1)
    async with Target(offered.port).connect() as device:
        await works(device)
    await everything(silent)
    assert silent.at_eof()
    writer.close()


async def test_noise_reaches_neither_the_board_nor_its_host(offered: Served) -> None:
    async def make_noise(seed: int) -> None:
        reader, writer = await offered.connection()
        with contextlib.suppress(ConnectionError):
            writer.write(random.Random(seed).randbytes(200_000))
            await writer.drain()
            await everything(reader)
        writer.close()

    await make_noise(0)  # while nobody has the board
    assert not offered.remarks
    async with Target(offered.port).connect() as device:
        await run_together(works(device, 200), *(make_noise(seed) for seed in range(1, 9)))
        assert device.stats.bad_frames == 0
    async with Target(offered.port).connect() as device:
        await works(device)


async def test_two_hundred_connections_at_once(offered: Served) -> None:
    said: list[bytes] = []

    async def come() -> None:
        with contextlib.suppress(ConnectionError):
            reader, writer = await offered.connection()
            writer.write(PING)
            said.append(await everything(reader))
            writer.close()

    async with Target(offered.port).connect() as device:
        await run_together(works(device, 200), *(come() for _ in range(200)))
        assert len(offered.lobby) <= 128
    assert sum(line.startswith(b"ugpt-device: in use by ") for line in said) > 100
    assert all(line.startswith(b"ugpt-device: in use by ") or not line for line in said)


async def test_many_that_say_nothing_make_room(tmp_path: Path) -> None:
    async with (
        listening_device("pty", tmp_path / "flash") as port,
        served(port, most_guests=4) as board,
    ):
        waiting = [await board.connection() for _ in range(20)]
        async with Target(board.port).connect() as device:
            await works(device)
            assert len(board.lobby) <= 4
            ends = await asyncio.gather(*(everything(reader) for reader, _ in waiting[:15]))
            assert ends == [b""] * 15
        for _, writer in waiting:
            writer.close()


async def test_a_host_that_sends_without_end_is_held_back() -> None:
    """Behind the pseudo-terminal nobody reads, as behind a board that hangs."""
    far, near = pty.openpty()
    try:
        async with served(os.ttyname(near)) as board:
            _, writer = await board.connection()
            writer.transport.set_write_buffer_limits(high=0)
            taken = 0
            with contextlib.suppress(TimeoutError):
                while taken < 64 * 2**20:
                    writer.write(PING * 1000)
                    async with asyncio.timeout(1.0):
                        await writer.drain()
                    taken += len(PING) * 1000
            assert taken < 16 * 2**20  # what the system keeps of a connection
            writer.transport.abort()
    finally:
        os.close(far)
        os.close(near)


async def test_the_board_of_another_program_is_not_taken(tmp_path: Path) -> None:
    async with listening_device("pty", tmp_path / "flash") as port, served(port) as board:
        other = await open_serial(port)
        with pytest.raises(PortBusy, match="in use by "):
            async with Target(board.port).connect():
                pass
        await other.close()
        async with Target(board.port).connect() as device:
            await works(device)


async def test_a_board_that_goes_away(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        device_there = contextlib.AsyncExitStack()
        port = await device_there.enter_async_context(listening_device("pty", tmp_path / "flash"))
        board = await stack.enter_async_context(served(port))
        async with Target(board.port).connect() as device:
            await device_there.aclose()
            with pytest.raises(PortLost, match="the other end closed it"):
                await device.ping()
        with pytest.raises(PortNotFound, match=r"there it says: Port .* cannot be opened"):
            async with Target(board.port).connect():
                pass
    assert "board is lost: " in board.remarks[1]


async def test_the_end_of_the_server_ends_every_connection(tmp_path: Path) -> None:
    async with listening_device("pty", tmp_path / "flash") as port:
        async with served(port) as board:
            idle, idle_writer = await board.connection()
            with contextlib.suppress(PortLost):
                connection = Target(board.port).connect()
                device = await connection.__aenter__()
                await works(device)
        assert await everything(idle) == b""
        with pytest.raises(PortLost):
            await device.ping()
        await connection.__aexit__(None, None, None)
        idle_writer.close()


def test_the_lobby_has_room_for_so_many() -> None:
    gone: list[str] = []

    class Somebody:
        def __init__(self, name: str) -> None:
            self.hang_up = lambda: gone.append(name)

    lobby = Lobby(2)
    with contextlib.ExitStack() as stack:
        for name in "abc":
            somebody: Guest = Somebody(name)  # type: ignore[assignment]
            stack.enter_context(lobby.waiting(somebody))
        assert gone == ["a"]
        assert len(lobby) == 2
    assert len(lobby) == 0


@pytest.mark.parametrize(("noise_bytes", "body"), [(60_000, b"body"), (70_000, None)])
async def test_so_much_noise_is_no_host(noise_bytes: int, body: bytes | None) -> None:
    reader = asyncio.StreamReader()
    writer = Mock(spec=asyncio.StreamWriter, **{"get_extra_info.return_value": None})
    guest = Guest(reader, writer)
    reader.feed_data(b"x" * noise_bytes + encode_frame(b"body"))
    assert await guest.next_body() == body
