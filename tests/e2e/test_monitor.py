"""`ugpt monitor` and `ugpt autorun` as a user runs them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_detached import device_process
from tests.e2e.test_live import SHELL, started
from tests.support.commands import CommandLine, Process
from tests.support.devices import listening_device
from tests.support.waiting import happens


def lines_until(process: Process, wanted: str) -> list[str]:
    """Lines of standard output up to the first with `wanted`."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if wanted in line:
            return lines
    raise AssertionError(f"it ended before {wanted!r}: {lines} {process.stderr}")


def greeted(process: Process) -> str:
    """The remark on the firmware that has answered."""
    assert process.stderr is not None
    return next(line for line in process.stderr if "firmware" in line)


def stop(process: Process) -> str:
    """Ends a monitor as a user does; returns its remarks."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    return said


def test_log_of_the_virtual_device(cli: CommandLine, names: Path) -> None:
    cli("train", names, "--steps", "50", "--run", "R")
    with cli.running("monitor") as process:
        lines_until(process, "model loaded from flash")
        assert "virtual device" in greeted(process)
        stop(process)


@pytest.mark.parametrize("form", ["pty", "socket"])
async def test_texts_from_power_up(
    cli: CommandLine, tmp_path: Path, names: Path, form: str
) -> None:
    async with listening_device(form, tmp_path / "flash") as port:
        cli("train", names, "--steps", "200", "--run", "R", "--port", port)
        assert "ugpt monitor" in cli.finished("autorun", "on", "--port", port).stderr
        with cli.running("monitor", "--port", port) as process:
            assert process.stdout is not None
            texts = [process.stdout.readline().strip() for _ in range(4)]
            assert "Autorun is on: the board is restarted" in stop(process)
        assert any(texts)
        assert all(text.isalpha() or not text for text in texts)
        # Any serial monitor shows them: nothing has to be sent.
        with cli.running("monitor", "--listen-only", "--port", port) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            stop(process)
        assert "no longer" in cli("autorun", "off", "--port", port)
        with cli.running("monitor", "--port", port) as process:
            greeted(process)
            assert "Autorun is on" not in stop(process)


def test_autorun_without_a_model(cli: CommandLine) -> None:
    switched = cli.finished("autorun", "on")
    assert "will write on its own after the next restart" in switched.stdout
    assert "no model yet" in switched.stderr
    cli("autorun", "on", "--temperature", "0", code=2)
    cli("autorun", "maybe", code=2)


def test_port_that_vanishes(cli: CommandLine, tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    power = ExitStack()
    _, port = power.enter_context(device_process(flash))
    with power, cli.running("monitor", "--port", port) as process:
        greeted(process)
        power.close()
        assert process.stderr is not None
        assert "is gone" in process.stderr.readline()
        with device_process(flash, port=int(port.rpartition(":")[2])):
            assert "is back" in process.stderr.readline()
            assert "firmware" in process.stderr.readline()
            stop(process)


def test_port_that_cannot_be_opened(cli: CommandLine) -> None:
    assert "/dev/does-not-exist" in cli.refused("monitor", "--port", "/dev/does-not-exist")


SOURCE = """\
int depth;
__attribute__((noinline)) int step(int n) {
    return n + depth;
}
int main(void) { return step(3); }
"""


@pytest.fixture
def elf(tmp_path: Path) -> Path:
    compiler = shutil.which("cc") or shutil.which("g++")
    if compiler is None or shutil.which("addr2line") is None:
        pytest.skip("needs a C compiler and addr2line")
    (tmp_path / "fall.c").write_text(SOURCE)
    command = [compiler, "-g", "-no-pie", "-o", "firmware.elf", "fall.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    return tmp_path / "firmware.elf"


@contextmanager
def falling(words: bytes) -> Iterator[str]:
    """A port behind which a board has just fallen."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(words)
                while connection.recv(4096):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


def test_panic_is_decoded(cli: CommandLine, elf: Path) -> None:
    listed = subprocess.run(["nm", elf], capture_output=True, text=True, check=True).stdout
    address = next(line.split()[0][-8:] for line in listed.splitlines() if line.endswith(" step"))
    words = (
        "Guru Meditation Error: Core  1 panic'ed (LoadProhibited). Exception was unhandled.\r\n\n"
        f"Backtrace: 0x{address}:0x3ffb1f50\r\n\nELF file SHA256: 0123456789abcdef\r\n\n"
        "Rebooting...\r\n"
    )
    with (
        falling(words.encode()) as port,
        cli.running("monitor", "--listen-only", "--port", port, "--elf", elf) as process,
    ):
        lines = lines_until(process, "Rebooting")
        said = stop(process)
    assert any("Guru Meditation" in line for line in lines)
    assert any("step at" in line and "fall.c" in line for line in lines)
    assert "another build" in said


def test_elf_that_is_none(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("anna")
    assert "not an ELF file" in cli.refused("monitor", "--elf", "text")


def test_a_monitor_as_a_job_of_a_shell(tmp_path: Path) -> None:
    """Keys are the board's in the foreground only, whoever stops the monitor and takes it back."""
    os.mkfifo(tmp_path / "orders")
    shell = [sys.executable, "-c", SHELL, sys.executable, "-m", "ugpt", "monitor"]
    with (
        started(tmp_path, program=shell, ORDERS=str(tmp_path / "orders")) as terminal,
        (tmp_path / "orders").open("w", buffering=1) as orders,
    ):

        def echoes() -> bool:
            return bool(terminal.local_modes() & termios.ECHO)

        def take_back(order: str) -> None:
            orders.write(f"{order}\n")
            terminal.until(f"<{order}>")
            assert happens(lambda: not echoes(), 10.0)

        terminal.until("firmware")
        assert not echoes()
        orders.write("stop\n")
        terminal.until("<stop>")
        assert echoes()
        take_back("fg")
        orders.write("stop\nbg\n")
        terminal.until("<bg>")
        assert echoes()
        take_back("foreground")
        terminal.press("\x03")
        orders.close()
        terminal.until("status 0")


def test_ctrl_backslash_leaves_no_terminal_without_echo(tmp_path: Path) -> None:
    with started(tmp_path, "monitor") as terminal:
        terminal.until("firmware")
        assert not terminal.local_modes() & termios.ECHO
        terminal.press("\x1c")
        terminal.process.wait(10.0)
        assert terminal.process.returncode == -signal.SIGQUIT
        assert terminal.local_modes() & termios.ECHO
