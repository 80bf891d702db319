"""Checks everything between this program and a board, one thing after the other."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from ..concurrency import run_together
from ..device import virtual
from ..device.chip_facts import flash_reading, slow_flash
from ..device.compatibility import OWN_TABLE, Age, compare_firmware, missing_regions
from ..device.ports import Choice, list_ports
from ..device.target import Target
from ..errors import UgptError, reason_of
from ..firmware.errors import ImageError
from ..firmware.flash import Loader, environment_for, open_loader
from ..rpc import baud as rates
from ..rpc import holders, messages
from ..rpc.errors import NoAnswer, PortError, PortPermission
from ..rpc.link import Link, LinkState
from ..rpc.messages import FIRST_BAUD, Hello
from ..rpc.stats import BITS_PER_BYTE
from ..rpc.transport import port_group
from ..wording import counted
from .clean_line import LineExaminer, cure, describe

_HANDSHAKE_S = 5.0
_PINGS = 20
_FLASH_BYTES = 4 * 2**20  # for which device/partitions.csv is made
_SLOW_ROUND_TRIP_S = 0.02
_RATE_TEST_S = 0.6
_PAYLOAD_MARGIN_BYTES = 96  # of a frame, besides the payload


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


async def examine(target: Target | Choice) -> AsyncIterator[Finding]:
    """Yields findings as they come; what depends on a thing that failed is skipped.

    The port may have been chosen already. Raises nothing: what goes wrong is a finding.
    """
    if isinstance(target, Choice):
        target = Target(target.port)
    try:
        choice = target.choose()
    except PortError as error:
        yield _failed("port", error)
        return
    target = replace(target, port=choice.port)
    permission = _examine_permissions(choice)
    yield _examine_port(choice, permission)
    yield permission
    yield _examine_holders(choice)
    yield await _examine_chip(choice, target)
    try:
        transport = await target.open_transport()
    except UgptError as error:
        yield _failed("firmware", error)
        return
    examiner = LineExaminer()
    link = Link(transport, baud_limit=FIRST_BAUD, on_log=examiner.hear)
    try:
        async for finding in examine_conversation(link, examiner):
            yield finding
    finally:
        await link.close()


def _examine_port(choice: Choice, permission: Finding) -> Finding:
    name, is_file = "port", not choice.is_virtual and "://" not in choice.port
    if is_file and permission.state is State.FAIL:
        return Finding(
            name, State.FAIL, f"{choice.port} cannot be opened", "The next line says why."
        )
    if is_file and sys.platform != "win32" and not Path(choice.port).is_char_device():
        advice = "`ugpt ports` lists the ports."
        return Finding(name, State.FAIL, f"{choice.port} is not a serial port", advice)
    reason = f": {choice.reason}" if choice.reason else ""
    return Finding(name, State.OK, f"{choice.port}{reason}")


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
    if sys.platform == "win32":
        return Finding(name, State.OK, f"{path} needs none")
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Finding(name, State.FAIL, f"there is no {path}", "`ugpt ports` lists the ports.")
    except (OSError, ValueError) as error:
        text = f"{path} cannot be looked at: {reason_of(error)}"
        return Finding(name, State.FAIL, text, "`ugpt ports` lists the ports.")
    if os.access(path, os.R_OK | os.W_OK):
        return Finding(name, State.OK, f"{path} may be read and written")
    refused = PortPermission(choice.port, port_group(choice.port))
    return Finding(name, State.FAIL, f"{path} may not be opened by this user", refused.advice)


def _examine_holders(choice: Choice) -> Finding:
    name = "other programs"
    if choice.is_virtual or "://" in choice.port:
        return Finding(name, State.SKIPPED, "nobody else can hold this port")
    if not holders.is_known():
        return Finding(name, State.SKIPPED, "only Linux tells which programs hold a port")
    found = holders.holders_of(Path(choice.port))
    if not found:
        return Finding(name, State.OK, "none holds the port")
    listed = ", ".join(map(str, found))
    advice = "Close it, or stop the service: ModemManager and brltty take serial ports to try them."
    # A virtual device keeps the far end of its pseudo-terminal open too.
    if all(holder.program == holders.VIRTUAL_PROGRAM for holder in found):
        return Finding(name, State.OK, f"none but the virtual device itself, {listed}")
    return Finding(name, State.FAIL, f"the port is held by {listed}", advice)


async def _examine_chip(choice: Choice, target: Target) -> Finding:
    name = "chip"
    if choice.is_virtual or "://" in choice.port:
        return Finding(name, State.SKIPPED, "esptool needs a serial port with control lines")
    if choice.port not in {port.device for port in list_ports()}:
        return Finding(name, State.SKIPPED, "this is not a serial port of a board")
    if target.no_reset:
        return Finding(name, State.SKIPPED, "looking at the chip would reset it (--no-reset)")
    try:
        with open_loader(target) as loader:
            finding = judge_chip(loader)
            loader.restart()
    except UgptError as error:
        return Finding(
            name,
            State.WARN,
            error.message,
            "Where the firmware answers below, only flashing is affected: hold BOOT while it "
            "connects.",
        )
    return replace(finding, text=f"{finding.text}; it was restarted for this")


def judge_chip(loader: Loader) -> Finding:
    """Whether the firmware runs on a chip, and has room in its flash."""
    name, flash = "chip", loader.flash_bytes
    size = f", {flash / 2**20:g} MiB of flash" if flash else ""
    text = f"{loader.description}{size}"
    try:
        environment_for(loader)
    except ImageError as error:
        return Finding(name, State.FAIL, text, str(error))
    if flash and flash < _FLASH_BYTES:
        needed = f"{_FLASH_BYTES / 2**20:g} MiB"
        advice = f"The firmware needs {needed} of flash: take a board with as much."
        return Finding(name, State.FAIL, text, advice)
    return Finding(name, State.OK, text)


async def examine_conversation(
    link: Link, examiner: LineExaminer | None = None
) -> AsyncIterator[Finding]:
    """The part of `examine` that needs only an unopened link, left at the rate tried last.

    The examiner tries the line byte by byte; it hears the text of the link.
    """
    try:
        hello = await link.open(_HANDSHAKE_S)
    except UgptError as error:
        damage = await _examine_bytes(link, examiner)
        yield _failed("firmware", error) if damage is None else damage
        return
    try:
        yield _describe_firmware(hello)
        damage = await _examine_bytes(link, examiner)
        if damage is not None:
            yield damage
            if damage.state is State.FAIL:
                return
        if hello.regions:  # older firmware does not tell
            yield _describe_regions(hello)
        if flash_reading(hello):
            yield _describe_flash(hello)
        yield await _examine_latency(link)
        async for finding in _examine_rates(link, hello):
            yield finding
        yield await _examine_arithmetic(link)
    except UgptError as error:
        yield _failed("firmware", error)


async def _examine_bytes(link: Link, examiner: LineExaminer | None) -> Finding | None:
    """None if nothing answers, so that nothing can be said of the line."""
    if examiner is None or link.state is LinkState.LOST:
        return None
    name = "bytes"
    try:
        lost = await examiner.lost_bytes(link)
    except PortError as error:
        return _failed(name, error)
    if lost is None:
        return None
    if not lost:
        return Finding(name, State.OK, "the line is 8-bit clean")
    count = f"{counted(len(lost), 'byte')} {'does' if len(lost) == 1 else 'do'}"
    text = f"the line is not 8-bit clean: {count} not pass ({describe(lost)})"
    return Finding(name, State.FAIL, text, cure(lost))


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
            OWN_TABLE,
        )
    return Finding("flash regions", State.OK, f"all {len(hello.regions)} are there")


def _describe_flash(hello: Hello) -> Finding:
    slow = slow_flash(hello)
    if slow is not None:
        return Finding("flash speed", State.WARN, *slow)
    return Finding("flash speed", State.OK, f"flash runs in {flash_reading(hello)}")


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

    try:
        await run_together(*(echo() for _ in range(link.stats.window)))
    except NoAnswer:
        text = f"frames of {len(payload):,} bytes do not come through; ugpt sends shorter ones"
        return Finding(name, State.WARN, text, _line_advice(baud))
    bytes_per_s = echoed / (time.perf_counter() - started_s)
    errors = link.stats.repeats + link.stats.bad_frames - errors
    text = f"{bytes_per_s / 1024:,.1f} KiB/s each way"
    if baud is None:
        text += "; this port has no rate to try others"
    else:
        line = "the line that is simulated" if link.hello.virtual_device else "the line"
        text += f", {bytes_per_s * BITS_PER_BYTE / baud:.0%} of {line}"
    if errors:
        repeats = counted(errors, "repeat")
        return Finding(name, State.WARN, f"{text}, with {repeats}", _line_advice(baud))
    return Finding(name, State.OK, text)


def _line_advice(baud: int | None) -> str:
    if baud is None:
        return "Check the line behind it: what the emulator or the server loses is lost there."
    return "Try another cable or port, or a lower --baud."


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
