"""The doctor's checks against real devices, and against lines that are not as they should be."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.devices import listening_device
from tests.support.in_process import Program
from tests.support.peer import HELLO, Peer
from ugpt.device.target import Target
from ugpt.diagnostics import doctor as checkup
from ugpt.diagnostics.doctor import Finding, State, examine, examine_conversation
from ugpt.rpc.holders import holders_of
from ugpt.rpc.link import Link
from ugpt.rpc.messages import FlashMode
from ugpt.rpc.schema import Call
from ugpt.rpc.stats import LinkStats
from ugpt.rpc.transport import open_serial


async def gathered(findings: AsyncIterator[Finding]) -> dict[str, Finding]:
    found = [finding async for finding in findings]
    assert all(finding.advice for finding in found if finding.state in (State.WARN, State.FAIL))
    return {finding.name: finding for finding in found}


@pytest.mark.parametrize("form", ["pty", "socket"])
async def test_healthy_device(tmp_path: Path, form: str) -> None:
    async with listening_device(form, tmp_path / "flash") as port:
        found = await gathered(examine(Target(port)))
    assert {name for name, it in found.items() if it.state is State.OK} >= {
        "port", "firmware", "flash regions", "flash speed", "echo", "link rate", "arithmetic",
    }  # fmt: skip
    assert not [it for it in found.values() if it.state in (State.WARN, State.FAIL)]
    assert found["chip"].state is State.SKIPPED


async def test_program_that_holds_the_port(tmp_path: Path) -> None:
    async with listening_device("pty", tmp_path / "flash") as port:
        held = await open_serial(port)
        try:
            assert [name for _, name in holders_of(Path(port))] == ["ugpt-device"]
            found = await gathered(examine(Target(port)))
        finally:
            await held.close()
    assert found["firmware"].state is State.FAIL
    assert "in use" in found["firmware"].text


async def test_a_file_that_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = await gathered(examine(Target(str(tmp_path / "file"))))
    assert found["port"].state is State.FAIL
    assert "not a serial port" in found["port"].text


async def test_absent_ports() -> None:
    found = await gathered(examine(Target("/dev/does-not-exist")))
    assert found["permission"].state is State.FAIL
    assert found["firmware"].state is State.FAIL
    assert "arithmetic" not in found


@pytest.mark.parametrize(
    ("mode", "group", "advised"),
    [
        (0o660, "dialout", "usermod -aG dialout"),
        (0o600, "dialout", "Ask for read and write access"),
        (0o660, None, "Ask for read and write access"),  # a container has no name for it
        (0o660, "root", "Ask for read and write access"),
    ],
)
async def test_unreadable_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, group: str | None, advised: str
) -> None:
    port = tmp_path / "tty"
    port.touch()

    class Status:
        st_gid = 0 if group == "root" else 54321
        st_mode = stat.S_IFCHR | mode

    def named(number: int) -> object:
        if group is None:
            raise KeyError(number)
        return SimpleNamespace(gr_name=group)

    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr("grp.getgrgid", named)
    plain_stat = Path.stat
    monkeypatch.setattr(
        Path, "stat", lambda self, **more: Status() if self == port else plain_stat(self, **more)
    )
    found = await gathered(examine(Target(str(port))))
    assert found["permission"].state is State.FAIL
    assert advised in found["permission"].advice
    assert found["port"].state is State.FAIL
    assert "group root" not in found["permission"].advice


@pytest.mark.parametrize("name", ["y" * 300, "loop", "file/port"])
async def test_a_port_that_cannot_be_looked_at(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    found = await gathered(examine(Target(str(tmp_path / name))))
    assert found["port"].state is State.FAIL
    assert found["permission"].state is State.FAIL
    assert found["firmware"].state is State.FAIL


async def examine_peer(peer: Peer) -> dict[str, Finding]:
    link = Link(peer.line, baud_limit=115200)
    try:
        return await gathered(examine_conversation(link))
    finally:
        await link.close()


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Peer:
    monkeypatch.setattr(checkup, "_RATE_TEST_S", 0.05)
    peer = Peer(replace(HELLO, baud_max=921_600))
    peer.handlers["self_test"] = lambda params: [0x1234, 0x1234]
    return peer


async def test_every_rate_is_tried(peer: Peer) -> None:
    found = await examine_peer(peer)
    for baud in ("115,200 baud", "230,400 baud", "460,800 baud", "921,600 baud"):
        assert found[baud].state is State.OK
        assert "KiB/s" in found[baud].text


async def test_rate_that_is_not_dependable(peer: Peer) -> None:
    peer.dependable_baud = 460_800
    found = await examine_peer(peer)
    assert found["460,800 baud"].state is State.OK
    assert found["921,600 baud"].state is State.WARN
    assert found["arithmetic"].state is State.OK


async def test_repeats_at_a_rate_are_told(peer: Peer) -> None:
    lost = [True]
    # The first long echo belongs to the first rate.
    peer.to_host = lambda frame: [] if len(frame) > 1000 and lost and lost.pop() else [frame]
    found = await examine_peer(peer)
    assert found["115,200 baud"].state is State.WARN
    assert "with 1 repeat" in found["115,200 baud"].text
    assert found["230,400 baud"].state is State.OK


async def test_a_line_that_is_always_busy_is_used_to_the_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten bits for each byte."""
    now_s = 0.0

    async def echo(call: Call[bytes]) -> bytes:
        nonlocal now_s
        (payload,) = call.params
        now_s += 10 * len(payload) / 115_200
        return bytes(payload)

    monkeypatch.setattr(checkup, "time", SimpleNamespace(perf_counter=lambda: now_s))
    link: Any = SimpleNamespace(hello=HELLO, stats=LinkStats(baud=115_200, window=1), call=echo)
    found = await checkup._measure_rate(link, "115,200 baud", 115_200)
    assert found.text.endswith("each way, 100% of the line")


async def test_rate_beyond_the_firmware(peer: Peer) -> None:
    peer.hello = replace(peer.hello, baud_max=460_800)
    assert (await examine_peer(peer))["921,600 baud"].state is State.SKIPPED


async def test_wrong_arithmetic(peer: Peer) -> None:
    peer.handlers["self_test"] = lambda params: [0x1234, 0x4321]
    assert (await examine_peer(peer))["arithmetic"].state is State.FAIL


async def test_slow_echo(peer: Peer) -> None:
    peer.delays_s["ping"] = 0.03
    assert (await examine_peer(peer))["echo"].state is State.WARN


@pytest.mark.parametrize(
    ("change", "state", "text"),
    [
        (lambda hello: replace(hello, major=hello.major + 1), State.FAIL, "speaks version"),
        (lambda hello: replace(hello, build="0.0.1"), State.WARN, "older than the"),
        (lambda hello: replace(hello, minor=0), State.WARN, "commands that need more"),
        (lambda hello: replace(hello, minor=99), State.OK, "newer than this program"),
    ],
)
async def test_firmware_of_another_version(
    peer: Peer, change: Callable[[object], object], state: State, text: str
) -> None:
    peer.hello = change(peer.hello)  # type: ignore[assignment]
    found = await examine_peer(peer)
    assert found["firmware"].state is state
    assert text in found["firmware"].text


async def test_a_region_that_is_missing(peer: Peer) -> None:
    assert "flash regions" not in await examine_peer(peer)
    peer.hello = replace(peer.hello, regions=(4096, 4096))
    assert (await examine_peer(peer))["flash regions"].state is State.OK
    peer.hello = replace(peer.hello, regions=(4096, 0))
    found = (await examine_peer(peer))["flash regions"]
    assert found.state is State.WARN
    assert "lacks 1 of the 2" in found.text
    assert "ugpt flash" in found.advice


@pytest.mark.parametrize(
    ("mode", "hz", "state", "text", "advice"),
    [
        (FlashMode.QIO, 80_000_000, State.OK, "flash runs in QIO at 80 MHz", ""),
        (FlashMode.QOUT, 120_000_000, State.OK, "flash runs in QOUT at 120 MHz", ""),
        (
            FlashMode.DIO, 40_000_000, State.WARN,
            "flash runs in DIO at 40 MHz, so stories are slower than they could be: "
            "bootloader and firmware were built so",
            "`ugpt flash`",
        ),
        (FlashMode.QIO, 40_000_000, State.WARN, "flash runs in QIO at 40 MHz", "`ugpt flash`"),
        (
            FlashMode.DIO, 80_000_000, State.WARN,
            "flash runs in DIO at 80 MHz, so stories are slower than they could be: "
            "the bootloader knows no quad mode of this flash chip",
            "cannot be set faster",
        ),
    ],
)  # fmt: skip
async def test_how_the_flash_is_read(
    peer: Peer, mode: FlashMode, hz: int, state: State, text: str, advice: str
) -> None:
    peer.hello = replace(peer.hello, flash_mode=mode, flash_hz=hz)
    found = (await examine_peer(peer))["flash speed"]
    assert found.state is state
    assert text in found.text
    assert advice in found.advice


async def test_firmware_that_does_not_tell_how_the_flash_is_read(peer: Peer) -> None:
    assert "flash speed" not in await examine_peer(peer)


async def test_board_in_download_mode(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_HANDSHAKE_S", 0.3)
    peer.deaf = True
    peer.say(b"ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD)\r\n")
    peer.say(b"waiting for download\r\n")
    found = await examine_peer(peer)
    assert "download mode" in found["firmware"].text


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ((State.OK,), 0),
        ((State.OK, State.WARN), 0),
        ((State.WARN, State.SKIPPED), 0),
        ((State.FAIL,), 1),
        ((State.FAIL, State.OK), 1),
        ((State.OK, State.FAIL), 1),
        ((State.FAIL, State.WARN, State.OK), 1),
        ((State.WARN, State.FAIL, State.SKIPPED), 1),
        ((State.FAIL, State.FAIL), 1),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "-".join(value),
)
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["words", "json"])
def test_one_failure_among_findings_decides_the_exit_status(
    ugpt: Program,
    monkeypatch: pytest.MonkeyPatch,
    states: tuple[State, ...],
    status: int,
    options: tuple[str, ...],
) -> None:
    async def found(target: Target) -> AsyncIterator[Finding]:
        for number, state in enumerate(states):
            yield Finding(f"check {number}", state, f"found {number}", f"advice {number}")

    monkeypatch.setattr("ugpt.cli.commands.doctor.examine", found)
    said = ugpt("doctor", "--port", "/dev/ttyUSB0", *options, status=status).out
    for number, state in enumerate(states):
        assert f"found {number}" in said
        assert f"advice {number}" in said
        assert state in said


@pytest.mark.parametrize(
    ("chip", "flash_bytes", "state", "words"),
    [
        ("ESP32", 4 * 2**20, State.OK, "4 MiB of flash"),
        ("ESP32-C3", None, State.OK, "ESP32-C3"),
        ("ESP32", 2 * 2**20, State.FAIL, "2 MiB of flash"),
        ("ESP32-C6", 8 * 2**20, State.FAIL, "8 MiB of flash"),
    ],
)
def test_a_chip_that_the_firmware_does_not_run_on(
    chip: str, flash_bytes: int | None, state: State, words: str
) -> None:
    loader = SimpleNamespace(
        port="/dev/ttyUSB0",
        chip=chip,
        description=f"{chip} (revision v1.0)",
        native_usb=False,
        flash_bytes=flash_bytes,
    )
    found = checkup.judge_chip(loader)  # type: ignore[arg-type]
    assert (found.state, words in found.text) == (state, True)
    assert bool(found.advice) == (state is State.FAIL)
