"""The rate of a board's line, of which a host behind a socket knows nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.board import Board, board
from tests.support.served import served, works
from tests.support.waiting import until
from ugpt import Target
from ugpt.device import followed_target, ports
from ugpt.device.ports import PortInfo
from ugpt.fleet import guest, relay
from ugpt.fleet.guest import Guest
from ugpt.fleet.relay import Relay
from ugpt.fleet.serving import serving
from ugpt.rpc.address import Address
from ugpt.rpc.errors import DeviceRestarted, PortLost, PortNotFound
from ugpt.rpc.messages import FIRST_BAUD

pytestmark = pytest.mark.long

HIGHEST = 921_600


@pytest.fixture
def line(uart: Board) -> Board:
    """A board that passes for a real one. On a busy computer it may end at a lower rate."""
    uart.says_virtual = False
    return uart


async def at_first_rate(line: Board) -> None:
    async def look() -> bool | None:
        return line.baud == FIRST_BAUD or None

    await until(look)


async def test_the_rate_is_raised_after_the_hello_and_lowered_at_the_end(line: Board) -> None:
    async with served(line.path, highest_baud=HIGHEST) as offered:
        for _ in range(2):
            async with Target(offered.port).connect() as device:
                await works(device, 20)
                assert line.baud > FIRST_BAUD
                assert device.stats.bad_frames == 0
            await at_first_rate(line)
            assert line.rates[0] == HIGHEST
            assert line.rates[-1] == FIRST_BAUD
            line.rates.clear()
    assert not line.drops_lines_at_close  # which would restart the board


async def test_a_rate_that_has_failed_is_not_tried(line: Board) -> None:
    async with (
        served(line.path, highest_baud=460_800) as offered,
        Target(offered.port).connect() as device,
    ):
        await works(device, 3)
        assert line.rates[0] == 460_800


async def test_a_board_without_a_higher_rate_is_left_at_the_first(line: Board) -> None:
    async with (
        served(line.path, highest_baud=FIRST_BAUD) as offered,
        Target(offered.port).connect() as device,
    ):
        await works(device, 3)
    assert line.rates == []


async def test_a_restart_is_not_hidden_from_the_host(
    line: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_SILENCE_S", 1.0)
    async with (
        served(line.path, highest_baud=HIGHEST) as offered,
        Target(offered.port).connect() as device,
    ):
        await works(device, 2)
        before = device.hello.boot
        line.restart()
        await at_first_rate(line)
        with pytest.raises(DeviceRestarted):
            await device.ping()
        assert (await device.handshake()).boot != before
        await works(device, 3)
        assert line.baud > FIRST_BAUD
        await device.reset()
        await works(device, 3)
        assert line.baud > FIRST_BAUD


async def test_a_board_that_forgot_the_rate_is_found_again(
    line: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_SILENCE_S", 1.0)
    async with (
        served(line.path, highest_baud=HIGHEST) as offered,
        Target(offered.port).connect() as device,
    ):
        await works(device, 2)
        boot = device.hello.boot
        line.forget_rate()
        await works(device, 3)
        assert device.hello.boot == boot
        assert line.baud > FIRST_BAUD


async def test_the_rate_that_works_is_looked_for_at_the_start(line: Board) -> None:
    async with serving(Address("127.0.0.1", 0), [line.path], None, on_remark=str) as offers:
        assert line.rates[0] == HIGHEST
        (offer,) = offers.boards
        assert offer.where == line.path
        async with Target(f"socket://{offer.address}").connect() as device:
            await works(device, 3)
            assert line.baud > FIRST_BAUD
            assert device.hello.device_id == offer.member.hello.device_id


async def test_a_board_is_found_again_where_it_is_plugged_in(
    line: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged: list[PortInfo] = [PortInfo(line.path, "", "CP210x", "D7A2")]
    for module in (ports, followed_target):
        monkeypatch.setattr(module, "list_ports", lambda: list(plugged))
    async with served(line.path, highest_baud=HIGHEST) as offered:
        async with Target(offered.port).connect() as device:
            number = device.hello.device_id
            was = plugged.pop()
            await asyncio.to_thread(line.close)
            with pytest.raises(PortLost):
                await works(device, 100)
        with pytest.raises(PortNotFound, match="its board is not plugged in"):
            async with Target(offered.port).connect():
                pass
        with board(tmp_path / "board.flash") as again:
            plugged.append(replace(was, device=again.path))
            again.says_virtual = False
            async with Target(offered.port).connect() as device:
                await works(device, 3)
                assert device.hello.device_id == number
            await at_first_rate(again)


class _TalkativeBoard:
    """A transport that always has more to say."""

    name = "talkative"
    can_set_baud = False
    reads = 0

    async def read(self) -> bytes:
        self.reads += 1
        await asyncio.sleep(0)
        return bytes(2**16)

    async def write(self, data: bytes) -> None:
        pass

    async def set_baud(self, baud: int) -> None:
        raise AssertionError

    def stands_still(self) -> bool:
        return False

    async def close(self) -> None:
        pass


async def test_a_host_that_takes_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest, "_TAKE_TIMEOUT_S", 0.2)
    talkative = _TalkativeBoard()
    ended: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        deaf = Guest(reader, writer)
        ended.set_result(await Relay(deaf, talkative, 0).run(b"first"))
        deaf.hang_up()

    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(60.0):
        assert await ended is None
    assert talkative.reads < 1000  # what the system keeps of a connection, and no more
    writer.transport.abort()
    server.close()
