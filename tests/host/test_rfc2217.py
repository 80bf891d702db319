"""A board at a server of RFC 2217: its rate, its lines, and what servers refuse."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.virtual_time import push, pushed, settle
from ugpt.device.target import Target, connect
from ugpt.diagnostics.reset import restart
from ugpt.rpc.errors import PortError, PortLost, PortNotFound
from ugpt.rpc.rfc2217 import ANSWER_TIMEOUT_S, open_rfc2217
from ugpt.rpc.telnet import (
    ComPort,
    ComPortMessage,
    Negotiation,
    Option,
    TelnetDecoder,
    Verb,
    encode_com_port,
    encode_negotiation,
    escape,
)

if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals", allow_module_level=True)

from tests.support.board import Board, RecordingSerial, board
from tests.support.com_port_server import (
    BAUD,
    BINARY,
    COM_PORT,
    CONTROL,
    DATA_SIZE,
    PARITY,
    PURGE,
    STOP_SIZE,
    Manners,
    com_port_server,
    pyserial_server,
)
from tests.support.in_process import Program

pytestmark = pytest.mark.long

NAMES = Path(__file__).parents[2] / "data" / "names.txt"


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Board]:
    """A board that is plugged into the computer of the server."""
    with board(tmp_path / "far.flash") as made:
        yield made


# The bytes of telnet


messages = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.builds(Negotiation, st.sampled_from(Verb), st.integers(0, 255)),
    st.builds(ComPortMessage, st.sampled_from(ComPort), st.binary(max_size=8)),
)


@given(sent=st.lists(messages, max_size=12), cuts=st.lists(st.integers(1, 9), min_size=1))
def test_what_is_encoded_is_decoded_in_pieces_of_any_size(sent: list[Any], cuts: list[int]) -> None:
    stream = b""
    for message in sent:
        match message:
            case bytes():
                stream += escape(message)
            case Negotiation(verb, option):
                stream += encode_negotiation(verb, option)
            case ComPortMessage(command, value):
                stream += encode_com_port(ComPort(command), value)
    decoder, found = TelnetDecoder(), []
    position = count = 0
    while position < len(stream):
        size = cuts[count % len(cuts)]
        found += decoder.feed(stream[position : position + size])
        position, count = position + size, count + 1
    assert joined(found) == joined(sent)


def joined(events: list[Any]) -> list[Any]:
    """With stretches of data that follow each other made one."""
    result: list[Any] = []
    for event in events:
        if isinstance(event, bytes) and result and isinstance(result[-1], bytes):
            result[-1] += event
        else:
            result.append(event)
    return result


@given(st.binary(max_size=2000))
def test_no_stream_breaks_the_decoder(data: bytes) -> None:
    decoder = TelnetDecoder()
    found = decoder.feed(data)
    assert sum(len(event) for event in found if isinstance(event, bytes)) <= len(data)
    assert len(decoder._body or b"") < 4096


def test_the_answer_to_a_command_counts_as_that_command() -> None:
    answer = bytes((255, 250, Option.COM_PORT, 101)) + b"\0\1\xc2\0" + bytes((255, 240))
    assert TelnetDecoder().feed(answer) == [ComPortMessage(ComPort.SET_BAUDRATE, b"\0\1\xc2\0")]


# A board behind our own server


async def test_a_board_is_reached_at_its_highest_rate(far: Board) -> None:
    async with com_port_server(far.path) as server, connect(server.address) as device:
        assert device.stats.baud == far.baud == 921_600
        assert await device.ping(bytes(range(256)) * 4) == bytes(range(256)) * 4
        assert device.stats.repeats == device.stats.bad_frames == 0
        assert server.address in device.description
    asked = {command: value for command, value in server.commands if command != BAUD}
    assert asked == {
        DATA_SIZE: b"\x08", PARITY: b"\x01", STOP_SIZE: b"\x01", CONTROL: b"\x01", PURGE: b"\x03",
    }  # fmt: skip


async def test_a_rate_that_the_server_refuses_is_not_used(far: Board) -> None:
    manners = Manners(rates=frozenset({115200, 230400}))
    async with com_port_server(far.path, manners) as server, connect(server.address) as device:
        assert device.stats.baud == far.baud == 230_400


async def test_the_rate_before_is_asked_for_again_when_the_server_refuses_one(far: Board) -> None:
    async with com_port_server(far.path) as server:
        transport = await open_rfc2217(server.address)
        server.manners.fixed = {BAUD: (9600).to_bytes(4, "big")}
        with pytest.raises(PortError, match="refuses 230,400 baud"):
            await transport.set_baud(230_400)
        asked = [int.from_bytes(value) for command, value in server.commands if command == BAUD]
        assert asked == [115_200, 230_400, 115_200]
        await transport.close()


async def test_a_banner_and_odd_answers_are_no_obstacle(far: Board) -> None:
    """As ser2net and sredird have them."""
    manners = Manners(
        banner=b"ser2net port 4000 device /dev/ttyUSB0 [115200 N81]\r\n",
        fixed={CONTROL: b"\x01"},
        unanswered=frozenset({PURGE}),
    )
    async with com_port_server(far.path, manners) as server, connect(server.address) as device:
        assert device.hello.virtual_device


async def test_a_board_that_hears_no_command_is_restarted_by_its_lines(far: Board) -> None:
    far.deaf = True
    lines: list[tuple[str, bool]] = []

    def on_lines(name: str, level: bool) -> None:
        lines.append((name, level))
        if (name, level) == ("rts", False):
            far.deaf = False

    async with com_port_server(far.path) as server:
        server.on_lines = on_lines
        description, hello, _ = await restart(Target(server.address))
    assert hello.virtual_device
    assert server.address in description
    assert lines == [("dtr", False), ("rts", True), ("dtr", False), ("rts", False)]


async def test_bytes_wait_while_the_server_has_no_room(far: Board) -> None:
    async with com_port_server(far.path) as server:
        transport = await open_rfc2217(server.address)
        reading = asyncio.create_task(transport.read())
        server.flow(goes_on=False)
        async with asyncio.timeout(10.0):
            while transport._flowing.is_set():
                await settle()
        writing = asyncio.create_task(transport.write(b"\0" * 8))
        await settle()
        assert not writing.done()
        server.flow(goes_on=True)
        async with asyncio.timeout(10.0):
            await writing
        reading.cancel()
        await transport.close()


async def test_a_server_that_hangs_up_is_lost(far: Board) -> None:
    async with com_port_server(far.path) as server, connect(server.address) as device:
        server.hang_up()
        with pytest.raises(PortLost, match=r"rfc2217://.* was lost"):
            await device.ping()


@pytest.mark.parametrize(
    ("end", "reason"),
    [("hang_up", "the other end closed it"), ("reset", "connection reset by peer")],
)
async def test_a_server_that_ends_over_a_setting_is_lost(far: Board, end: str, reason: str) -> None:
    async with com_port_server(far.path) as server:
        transport = await open_rfc2217(server.address)
        server.manners.unanswered = frozenset({BAUD})
        setting = asyncio.create_task(transport.set_baud(230_400))
        await settle()
        getattr(server, end)()
        async with asyncio.timeout(2.0):
            with pytest.raises(
                PortLost, match=rf"^Port rfc2217://\S+ was lost: {reason}\. Check the server"
            ):
                await setting
        await transport.close()


# What a server refuses is told


@pytest.mark.parametrize(
    ("manners", "words"),
    [
        (Manners(refused_options=frozenset({COM_PORT})), "speaks telnet, but not RFC 2217"),
        (Manners(refused_options=frozenset({BINARY})), "refuses binary transmission"),
        (Manners(rates=frozenset({9600}), fixed={BAUD: b"\0\0\x25\x80"}), "refuses 115,200 baud"),
        (Manners(fixed={DATA_SIZE: b"\x07"}), "refuses 8 data bits"),
        (Manners(fixed={PARITY: b"\x03"}), "refuses no parity"),
        (Manners(fixed={STOP_SIZE: b"\x02"}), "refuses one stop bit"),
        (Manners(fixed={CONTROL: b"\x02"}), "keeps XON/XOFF flow control"),
    ],
)
async def test_what_is_refused_is_named(far: Board, manners: Manners, words: str) -> None:
    async with com_port_server(far.path, manners) as server:
        with pytest.raises(PortError, match=words) as caught:
            await open_rfc2217(server.address)
        assert server.address in str(caught.value)
        assert caught.value.advice


@pushed
async def test_a_bare_socket_is_no_server(tmp_path: Path) -> None:
    with board(tmp_path / "far.flash") as far:
        async with com_port_server(far.path, Manners(speaks_telnet=False)) as server:
            opening = asyncio.create_task(open_rfc2217(server.address))
            while not far._from_host.bad_frames and not opening.done():
                await asyncio.sleep(0.01)
                push(ANSWER_TIMEOUT_S)
            with pytest.raises(PortError, match=r"does not answer as an RFC 2217.*socket://HOST"):
                await opening


@pushed
async def test_a_setting_without_an_answer_is_named(tmp_path: Path) -> None:
    with board(tmp_path / "far.flash") as far:
        manners = Manners(unanswered=frozenset({PARITY}))
        async with com_port_server(far.path, manners) as server:
            opening = asyncio.create_task(open_rfc2217(server.address))
            async with asyncio.timeout(60.0):
                while (PARITY, b"\x01") not in server.commands:
                    await settle()
            push(ANSWER_TIMEOUT_S)
            with pytest.raises(PortError, match="does not answer the request for no parity"):
                await opening


async def test_an_address_where_nothing_listens() -> None:
    with pytest.raises(PortNotFound, match=r"nothing listens there.*esp_rfc2217_server"):
        await open_rfc2217("rfc2217://127.0.0.1:1")


# The servers of others


def pyserial_manager(port: Any, connection: Any) -> Any:
    from serial.rfc2217 import PortManager

    return PortManager(port, connection)


def esptool_manager(port: Any, connection: Any) -> Any:
    from esp_rfc2217_server.esp_port_manager import EspPortManager

    return EspPortManager(port, connection, esp32r0_delay=False)


@pytest.mark.parametrize("manager_of", [pyserial_manager, esptool_manager])
def test_commands_over_the_servers_of_pyserial_and_esptool(
    ugpt: Program, uart: Board, manager_of: Any
) -> None:
    with pyserial_server(uart.path, manager_of) as address:
        RecordingSerial.lines.clear()
        assert "921,600 baud" in ugpt("info", "--port", f"{address}?ign_set_control").out
        ugpt("train", NAMES, "--steps", "30", "--plain", "--run", "R", "--port", address)
        found = [
            json.loads(line)
            for line in ugpt("doctor", "--json", "--port", address).out.splitlines()
        ]
    assert [it["name"] for it in found if it["state"] in ("warn", "fail")] == []
    # Nobody has asked for a restart, or for download mode.
    assert RecordingSerial.lines == []
    here = ugpt("train", NAMES, "--steps", "30", "--plain", "--run", "V", "--port", "virtual")
    assert here.status == 0
    digests = [(ugpt.folder / run / "weights.sha256").read_text() for run in "RV"]
    assert digests[0] == digests[1]


def test_the_server_of_esptool_restarts_a_board(
    ugpt: Program, uart: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def awake(name: str, level: bool) -> None:
        if (name, level) == ("rts", False):
            uart.deaf = False

    uart.deaf = True
    monkeypatch.setattr(RecordingSerial, "on_change", awake)
    with pyserial_server(uart.path, esptool_manager) as address:
        RecordingSerial.lines.clear()
        assert "restarted: firmware" in ugpt("reset", "--port", address).out
    assert ("rts", True) in RecordingSerial.lines
    assert ("dtr", True) not in RecordingSerial.lines
