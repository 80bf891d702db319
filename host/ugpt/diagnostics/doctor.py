"""Checks everything between this program and a board, one thing after the other."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from ..device import virtual
from ..device.compatibility import Age, compare_firmware, missing_regions
from ..device.ports import Choice, list_ports
from ..device.target import Target
from ..errors import UgptError
from ..firmware.flash import open_loader
from ..rpc import baud as rates
from ..rpc import messages
from ..rpc.errors import PortError, SeveralPorts
from ..rpc.link import Link
from ..rpc.messages import FIRST_BAUD, Hello
from ..wording import counted

_HANDSHAKE_S = 5.0
_PINGS = 20
_SLOW_ROUND_TRIP_S = 0.02
_RATE_TEST_S = 0.6
_PAYLOAD_MARGIN_BYTES = 96  # of a frame, besides the payload
_BITS_PER_BYTE = 10


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What one check found, and what to do about it."""

    name: str
    state: State
    text: str
    advice: str = ""


async def examine(target: Target) -> AsyncIterator[Finding]:
    """Yields findings as they come; what depends on a thing that failed is skipped.

    Raises nothing: what goes wrong is a finding.
    """
    try:
        choice = target.choose()
    except SeveralPorts as error:
        yield _failed("port", error)
        return
    target = replace(target, port=choice.port)
    yield Finding("port", State.OK, choice.port + (f": {choice.reason}" if choice.reason else ""))
    yield _examine_permissions(choice)
    yield _examine_holders(choice)
    yield await _examine_chip(choice, target)
    try:
        transport = await target.open_transport()
    except UgptError as error:
        yield _failed("firmware", error)
        return
    link = Link(transport, baud_limit=FIRST_BAUD)
    try:
        async for finding in examine_conversation(link):
            yield finding
    finally:
        await link.close()


def _examine_permissions(choice: Choice) -> Finding:
    name = "permission"
    if choice.is_virtual:
        try:
            return Finding(name, State.OK, f"the device program is {virtual.program()}")
        except PortError as error:
            return _failed(name, error)
    if "://" in choice.port:
        return Finding(name, State.SKIPPED, "an address needs none")
    path = Path(choice.port)
    if sys.platform != "win32" and not path.exists():
        return Finding(name, State.FAIL, f"there is no {path}", "`ugpt ports` lists the ports.")
    if sys.platform == "win32" or os.access(path, os.R_OK | os.W_OK):
        return Finding(name, State.OK, f"{path} may be read and written")
    group = path.group()
    return Finding(
        name,
        State.FAIL,
        f"{path} may not be opened by this user",
        f"Join the group {group}: sudo usermod -aG {group} $USER, then log out and in again.",
    )


def _examine_holders(choice: Choice) -> Finding:
    name = "other programs"
    if choice.is_virtual or "://" in choice.port:
        return Finding(name, State.SKIPPED, "nobody else can hold this port")
    if not Path("/proc/self/fd").is_dir():
        return Finding(name, State.SKIPPED, "only Linux tells which programs hold a port")
    holders = holders_of(Path(choice.port))
    if not holders:
        return Finding(name, State.OK, "none holds the port")
    listed = ", ".join(f"{program} (process {pid})" for pid, program in holders)
    advice = "Close it, or stop the service: ModemManager and brltty take serial ports to try them."
    # A virtual device keeps the far end of its pseudo-terminal open too.
    if all(program == "ugpt-device" for _, program in holders):
        return Finding(name, State.OK, f"none but the virtual device itself, {listed}")
    return Finding(name, State.FAIL, f"the port is held by {listed}", advice)


def holders_of(port: Path) -> list[tuple[int, str]]:
    """Processes (number, name) that have the port open, of those this user may look into."""
    wanted = port.resolve()
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        try:
            if any(link.readlink() == wanted for link in (process / "fd").iterdir()):
                found.append((int(process.name), (process / "comm").read_text().strip()))
        except OSError:
            continue  # it ended, or belongs to somebody else
    return sorted(found)


async def _examine_chip(choice: Choice, target: Target) -> Finding:
    name = "chip"
    if choice.is_virtual or "://" in choice.port:
        return Finding(name, State.SKIPPED, "esptool needs a serial port with control lines")
    if choice.port not in {port.device for port in list_ports()}:
        return Finding(name, State.SKIPPED, "this is no serial port of a board")
    if target.no_reset:
        return Finding(name, State.SKIPPED, "looking at the chip would reset it (--no-reset)")
    try:
        with open_loader(target) as loader:
            flash = loader.flash_bytes
            loader.restart()
    except UgptError as error:
        return Finding(
            name,
            State.WARN,
            error.message,
            "Where the firmware answers below, only flashing is affected: hold BOOT while it "
            "connects.",
        )
    size = f", {flash // 2**20} MiB of flash" if flash else ""
    return Finding(name, State.OK, f"{loader.description}{size}; it was restarted for this")


async def examine_conversation(link: Link) -> AsyncIterator[Finding]:
    """The part of `examine` that needs only an unopened link, left at the rate tried last."""
    try:
        hello = await link.open(_HANDSHAKE_S)
        yield _describe_firmware(hello)
        if hello.regions:  # older firmware does not tell
            yield _describe_regions(hello)
        yield await _examine_latency(link)
        async for finding in _examine_rates(link, hello):
            yield finding
        yield await _examine_arithmetic(link)
    except UgptError as error:
        yield _failed("firmware", error)


def _describe_firmware(hello: Hello) -> Finding:
    from .. import __version__

    text = f"ugpt {hello.build} on {hello.chip}, protocol {hello.major}.{hello.minor}"
    compared = compare_firmware(hello, __version__)
    if compared.text:
        text = f"{text}, {compared.text}"
    state = State.WARN if compared.age is Age.OLDER else State.OK
    return Finding("firmware", state, text, compared.advice)


def _describe_regions(hello: Hello) -> Finding:
    missing = missing_regions(hello)
    if missing:
        return Finding(
            "flash regions",
            State.WARN,
            missing.rstrip("."),
            "Write the whole firmware with its own partition table: ugpt flash",
        )
    return Finding("flash regions", State.OK, f"all {len(hello.regions)} are there")


async def _examine_latency(link: Link) -> Finding:
    times_s = []
    for number in range(_PINGS):
        started_s = time.perf_counter()
        await link.call(messages.ping(bytes([number])))
        times_s.append(time.perf_counter() - started_s)
    median_s, longest_s = statistics.median(times_s), max(times_s)
    text = f"{median_s * 1000:.1f} ms there and back, {longest_s * 1000:.1f} ms at most"
    if median_s > _SLOW_ROUND_TRIP_S:
        return Finding(
            "echo",
            State.WARN,
            text,
            "With an FTDI bridge set its latency timer to 1 ms "
            "(/sys/bus/usb-serial/devices/*/latency_timer); else avoid USB hubs."
            if link.stats.baud
            else "An emulator or a network is slow; ugpt keeps several requests under way.",
        )
    return Finding("echo", State.OK, text)


async def _examine_rates(link: Link, hello: Hello) -> AsyncIterator[Finding]:
    if not link.stats.baud or not hello.baud_max:
        yield await _measure_rate(link, "link rate", None)
        return
    yield await _measure_rate(link, f"{FIRST_BAUD:,} baud", FIRST_BAUD)
    for baud in sorted(rates.RATES):
        name = f"{baud:,} baud"
        if baud > hello.baud_max:
            yield Finding(name, State.SKIPPED, f"the firmware goes up to {hello.baud_max:,}")
        elif await rates.try_baud(link, baud):
            yield await _measure_rate(link, name, baud)
        else:
            yield Finding(
                name,
                State.WARN,
                "not dependable here; ugpt uses a lower rate by itself",
                ""
                if hello.virtual_device
                else "Try another cable or port. A CH340 bridge does 460,800 at most.",
            )


async def _measure_rate(link: Link, name: str, baud: int | None) -> Finding:
    """Sends long echoes, as many at a time as the board takes, for a moment."""
    assert link.hello is not None
    payload = bytes(range(256)) * 32
    payload = payload[: min(link.hello.frame_bytes - _PAYLOAD_MARGIN_BYTES, 8000)]
    errors = link.stats.repeats + link.stats.bad_frames
    started_s = time.perf_counter()
    echoed = 0

    async def echo() -> None:
        nonlocal echoed
        while time.perf_counter() - started_s < _RATE_TEST_S:
            answer = await link.call(messages.ping(payload))
            echoed += len(answer)

    await asyncio.gather(*(echo() for _ in range(link.stats.window)))
    bytes_per_s = echoed / (time.perf_counter() - started_s)
    errors = link.stats.repeats + link.stats.bad_frames - errors
    text = f"{bytes_per_s / 1024:,.1f} KiB/s each way"
    if baud is None:
        text += "; this port has no rate to try others"
    else:
        line = "the line that is simulated" if link.hello.virtual_device else "the line"
        text += f", {bytes_per_s * _BITS_PER_BYTE / baud:.0%} of {line}"
    if errors:
        wired = baud is not None and not link.hello.virtual_device
        advice = "Try another cable or port, or a lower --baud." if wired else ""
        return Finding(name, State.WARN, f"{text}, with {counted(errors, 'repeat')}", advice)
    return Finding(name, State.OK, text)


async def _examine_arithmetic(link: Link) -> Finding:
    result = await link.call(messages.self_test())
    if result.digest == result.expected:
        return Finding("arithmetic", State.OK, f"every bit is right ({result.digest:08x})")
    return Finding(
        "arithmetic",
        State.FAIL,
        f"wrong bits in {result.failed or 'unnamed operations'}: its results are "
        f"{result.digest:08x}, right ones {result.expected:08x}",
        "This board would train other weights: report it with the output of ugpt info.",
    )


def _failed(name: str, error: UgptError) -> Finding:
    return Finding(name, State.FAIL, error.message.rstrip("."), error.advice)
