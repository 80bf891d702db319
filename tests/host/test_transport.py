"""Bytes through real pseudo-terminals, sockets and processes, and what is said when they fail."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import pty
import signal
import stat
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from tests.support.virtual_time import push, pushed, settle
from ugpt.device import virtual
from ugpt.device.target import Target
from ugpt.errors import InvalidValue
from ugpt.rpc.errors import (
    DeviceProgramError,
    PortBusy,
    PortError,
    PortLost,
    PortNotFound,
    PortPermission,
)
from ugpt.rpc.holders import Holder
from ugpt.rpc.refusal import MARK, REFUSAL_MAX_BYTES, no_board
from ugpt.rpc.transport import (
    CLOSE_TIMEOUT_S,
    Transport,
    open_error,
    open_serial,
    open_socket,
    spawn,
)

BIG = bytes(range(256)) * 2000


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: the descriptor of its far end and the path of its near one."""
    far, near = pty.openpty()
    path = os.ttyname(near)
    os.set_blocking(far, False)
    yield far, path
    os.close(near)
    os.close(far)


async def read_all(transport: Transport, count: int) -> bytes:
    data = b""
    async with asyncio.timeout(10.0):
        while len(data) < count:
            piece = await transport.read()
            assert piece
            data += piece
    return data


async def read_far(far: int, count: int) -> bytes:
    """What arrives at the far end of a terminal."""
    data = b""
    async with asyncio.timeout(10.0):
        while len(data) < count:
            arrived = asyncio.Event()
            asyncio.get_running_loop().add_reader(far, arrived.set)
            await arrived.wait()
            asyncio.get_running_loop().remove_reader(far)
            data += os.read(far, 4096)
    return data


def echoing(program: str) -> list[str]:
    return [sys.executable, "-u", "-c", program]


ECHO = "import sys\nwhile d := sys.stdin.buffer.raw.read(65536): sys.stdout.buffer.write(d)"


# Pseudo-terminals


async def test_every_byte_passes_a_terminal(terminal: tuple[int, str]) -> None:
    far, path = terminal
    transport = await open_serial(path)
    os.write(far, bytes(range(256)))
    assert await read_all(transport, 256) == bytes(range(256))
    await transport.write(bytes(range(256)))
    assert await read_far(far, 256) == bytes(range(256))
    assert transport.name == path
    assert not transport.can_set_baud
    await transport.close()
    await transport.close()


async def test_a_port_is_for_one_program(terminal: tuple[int, str]) -> None:
    _, path = terminal
    first = await open_serial(path)
    with pytest.raises(PortBusy, match=rf"Port {path} is in use"):
        await open_serial(path)
    await first.close()
    await (await open_serial(path)).close()


@pushed
async def test_a_port_that_takes_no_bytes_does_not_delay_the_end(
    terminal: tuple[int, str],
) -> None:
    _, path = terminal
    transport = await open_serial(path)
    writing = asyncio.create_task(transport.write(BIG))
    await settle()
    assert not writing.done()
    writing.cancel()
    closing = asyncio.create_task(transport.close())
    await settle()
    push(CLOSE_TIMEOUT_S)
    async with asyncio.timeout(30.0):
        await closing


async def test_what_is_still_to_be_sent_is_dropped_before_a_port_is_closed(
    terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver of a real port waits for it."""
    open_then: list[bool] = []
    monkeypatch.setattr(
        serial.Serial, "reset_output_buffer", lambda port: open_then.append(port.is_open)
    )
    _, path = terminal
    await (await open_serial(path)).close()
    assert open_then == [True]


async def test_a_terminal_whose_other_end_goes_is_lost() -> None:
    far, near = pty.openpty()
    transport = await open_serial(os.ttyname(near))
    os.close(near)
    os.close(far)
    with pytest.raises(PortLost):
        assert await transport.read()
    await transport.close()


async def test_lines_can_be_kept_at_close(terminal: tuple[int, str]) -> None:
    _, path = terminal
    near = os.open(path, os.O_RDWR | os.O_NOCTTY)
    settings = termios.tcgetattr(near)
    settings[2] |= termios.HUPCL
    termios.tcsetattr(near, termios.TCSANOW, settings)
    transport = await open_serial(path, keep_lines=True)
    assert not termios.tcgetattr(near)[2] & termios.HUPCL
    await transport.close()
    os.close(near)


# Ports that cannot be opened


@pytest.mark.parametrize("stage", ["input", "lines", "timeouts"])
async def test_a_port_that_vanishes_while_it_is_opened_is_given_back(
    stage: str, terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[serial.Serial] = []

    class Vanishing(serial.Serial):  # type: ignore[misc]
        def _reset_input_buffer(self) -> None:
            if stage == "input":
                opened.append(self)
                raise termios.error(errno.EIO, "Input/output error")

        def fileno(self) -> int:
            opened.append(self)
            return nothing if stage == "lines" else int(super().fileno())

        def _reconfigure_port(self, force_update: bool = False) -> None:
            if opened:
                raise serial.SerialException(errno.EIO, "Could not configure port")
            super()._reconfigure_port(force_update)

    nothing = os.open(os.devnull, os.O_RDWR)  # a descriptor without the calls of a port
    monkeypatch.setattr(serial, "Serial", Vanishing)
    with pytest.raises(PortNotFound):
        await open_serial(terminal[1], keep_lines=True)
    assert not opened[0].is_open
    os.close(nothing)


async def test_a_terminal_that_hangs_up_is_closed_all_the_same(
    terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(port: serial.Serial) -> None:
        raise termios.error(errno.EIO, "Input/output error")

    transport = await open_serial(terminal[1])
    monkeypatch.setattr(serial.Serial, "reset_output_buffer", fail)
    monkeypatch.setattr(serial.Serial, "_reconfigure_port", fail)
    with pytest.raises(PortError, match="cannot run at 230400 baud"):
        await transport.set_baud(230_400)
    await transport.close()
    assert not transport._port.is_open


async def test_an_absent_port_is_named() -> None:
    with pytest.raises(PortNotFound, match=r"/dev/ttyNONE .*no such port.*ugpt ports"):
        await open_serial("/dev/ttyNONE")


async def test_a_file_is_no_port(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("emma\n")
    with pytest.raises(PortNotFound, match="not a serial port"):
        await open_serial(str(file))


def test_the_group_to_join_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import grp

    class Group:
        gr_name = "dialout"

    class Node:
        st_gid = 20
        st_mode = stat.S_IFCHR | 0o660

    monkeypatch.setattr(Path, "stat", lambda self, **_: Node)
    monkeypatch.setattr(grp, "getgrgid", lambda gid: Group)
    error = open_error("/dev/ttyUSB0", PermissionError(13, "Permission denied"))
    assert isinstance(error, PortPermission)
    assert error.group == "dialout"
    assert "usermod -aG dialout" in str(error)


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [(6, PortNotFound, "no device"), (16, PortBusy, "in use"), (2, PortNotFound, "no such port")],
)
def test_what_the_system_says_is_put_into_words(
    number: int, kind: type[Exception], words: str
) -> None:
    error = open_error("/dev/ttyUSB0", OSError(number, "?"))
    assert type(error) is kind
    assert words in str(error)


# Sockets


async def test_bytes_pass_a_socket_until_its_end() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(BIG)))
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, limit=2**20)
    async with server:
        port = server.sockets[0].getsockname()[1]
        transport = await open_socket(f"socket://127.0.0.1:{port}")
        await transport.write(BIG)
        assert await read_all(transport, len(BIG)) == BIG
        assert await transport.read() == b""
        await transport.close()


async def test_a_refusal_without_end_is_read_no_further() -> None:
    async def refuse_for_ever(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(MARK + b"in use by ")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

    server = await asyncio.start_server(refuse_for_ever, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        transport = await open_socket(f"socket://127.0.0.1:{port}")
        with pytest.raises(PortBusy) as raised:
            async with asyncio.timeout(10.0):
                await transport.read()
        assert len(str(raised.value)) < 2 * REFUSAL_MAX_BYTES
        await transport.close()


async def test_a_refusal_is_a_line_though_the_other_end_stays() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(no_board("it is unplugged") + b"and more\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        transport = await open_socket(f"socket://127.0.0.1:{port}")
        with pytest.raises(PortNotFound, match=r"there it says: it is unplugged\. "):
            async with asyncio.timeout(10.0):
                await transport.read()
        await transport.close()


async def test_a_socket_nobody_listens_on() -> None:
    with pytest.raises(PortNotFound, match=r"nothing listens there.*ugpt sim --listen"):
        await open_socket("socket://127.0.0.1:1")


async def test_a_host_that_has_no_address() -> None:
    said = r"no address of nowhere\.invalid is known\. Look at the name"
    with pytest.raises(PortNotFound, match=said):
        await open_socket("socket://nowhere.invalid:5600")


# Processes


async def test_bytes_pass_a_process() -> None:
    transport = await spawn("echo", echoing(ECHO))
    writing = asyncio.create_task(transport.write(BIG))
    assert await read_all(transport, len(BIG)) == BIG
    await writing
    await transport.close()
    await transport.close()


async def test_the_last_words_of_a_process_are_passed_on() -> None:
    transport = await spawn("virtual device", echoing("import sys; sys.exit('flash is locked')"))
    with pytest.raises(
        DeviceProgramError, match=r"virtual device ended with .* 1: flash is locked"
    ):
        await transport.read()
    await transport.close()


@pushed
async def test_a_process_that_will_not_end_is_ended() -> None:
    stubborn = (
        "import signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready')\n"
        "signal.pause()"
    )
    transport = await spawn("stubborn", echoing(stubborn))
    async with asyncio.timeout(10.0 + CLOSE_TIMEOUT_S):
        assert await transport.read()
        closing = asyncio.create_task(transport.close())
        await settle()
        push(CLOSE_TIMEOUT_S)
        await closing
    assert transport._process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOENT, "Install ugpt again."),
        (errno.EACCES, "Install ugpt again."),
        (errno.ENOEXEC, "Install ugpt again."),
        (errno.EMFILE, "Close other programs, or raise the limit."),
        (errno.EAGAIN, "Close other programs, or raise the limit."),
        (errno.ENOMEM, "Close other programs, or raise the limit."),
    ],
)
async def test_a_program_that_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    async def refuse(*command: str, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    with pytest.raises(DeviceProgramError, match="cannot be started from a-program: ") as error:
        await spawn("virtual device", ["a-program"])
    assert error.value.advice == advice


async def test_the_terminals_interrupt_does_not_reach_a_process() -> None:
    transport = await spawn("echo", echoing(ECHO))
    assert os.getsid(transport._process.pid) != os.getsid(0)
    await transport.close()
    assert transport._process.returncode == -signal.SIGTERM


# The device program


def test_the_named_device_program_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(virtual.PROGRAM_VARIABLE, sys.executable)
    flash = tmp_path / "deep" / "board.flash"
    assert virtual.command("esp32", flash, ["--window", "2"]) == [
        *(sys.executable, "--board", "esp32", "--flash", str(flash), "--window", "2"),
    ]
    assert flash.parent.is_dir()
    monkeypatch.setenv(virtual.PROGRAM_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(DeviceProgramError, match="not a program"):
        virtual.program()


def test_threads_are_passed_on_to_the_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(virtual.PROGRAM_VARIABLE, sys.executable)
    command = virtual.command("esp32", tmp_path / "board.flash", threads=3)
    assert command[3:5] == ["--threads", "3"]
    assert "--threads" not in virtual.command("esp32", tmp_path / "board.flash")
    with pytest.raises(InvalidValue, match="--threads is for the virtual device"):
        Target("/dev/ttyUSB0", threads=2)


def test_an_installation_without_the_device_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(virtual.PROGRAM_VARIABLE, raising=False)
    monkeypatch.setattr(virtual, "_places", lambda: iter(()))
    with pytest.raises(DeviceProgramError, match="was not built"):
        virtual.program()


def test_a_flash_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceProgramError, match=r"cannot be kept at .*--flash"):
        virtual.command("esp32", tmp_path / "file" / "board.flash")


def test_a_virtual_device_does_not_hold_its_own_port(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Holder(7, "ugpt-device"), Holder(8, "miniterm")]
    monkeypatch.setattr("ugpt.rpc.transport.holders_of", lambda port: found)
    busy = open_error("/dev/pts/7", OSError(errno.EBUSY, "busy"))
    assert isinstance(busy, PortBusy)
    assert busy.holder == "miniterm (process 8)"
