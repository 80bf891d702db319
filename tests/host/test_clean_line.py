"""Lines that change or swallow bytes are told from silent boards, and their cure is named."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.devices import listening_device
from tests.support.faults import ChangedSide, NoisySide, Side, proxy_of
from ugpt.device.target import Target
from ugpt.diagnostics import doctor
from ugpt.diagnostics.clean_line import cure, describe, knock_body
from ugpt.diagnostics.doctor import Finding, State, examine
from ugpt.rpc import pending
from ugpt.rpc.frames import encode_frame
from ugpt.rpc.knock import checksum, heard, knock

pytestmark = pytest.mark.long

CLEAN: Side = ChangedSide(lambda data: data)


def seven_bits(data: bytes) -> bytes:
    return bytes(byte & 0x7F for byte in data)


def even_parity(data: bytes) -> bytes:
    return bytes(byte & 0x7F | (byte & 0x7F).bit_count() % 2 << 7 for byte in data)


def without(*lost: int) -> Callable[[bytes], bytes]:
    return lambda data: bytes(byte for byte in data if byte not in lost)


LINES = {
    "xon": (without(0x11, 0x13), {0x11, 0x13}, "XON/XOFF"),
    "telnet": (without(0xFF), {0xFF}, "rfc2217://"),
    "telnet doubled": (lambda data: data.replace(b"\xff", b"\xff\xff"), {0xFF}, "telnet"),
    "cr": (lambda data: data.replace(b"\r", b"\n"), {0x0D}, "line ends"),
    "lf": (lambda data: data.replace(b"\n", b"\r\n"), {0x0A}, "line ends"),
    "7 bits": (seven_bits, set(range(128, 256)), "8 data bits"),
    "another": (without(0x7E), {0x7E}, "raw 8-bit"),
    "zeros": (without(0), {0}, "raw 8-bit"),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_RATE_TEST_S", 0.02)
    monkeypatch.setattr(doctor, "_HANDSHAKE_S", 1.0)


async def findings(port: str) -> dict[str, Finding]:
    return {found.name: found async for found in examine(Target(port))}


@pytest.mark.parametrize("way", ["there", "back", "both"])
@pytest.mark.parametrize("name", LINES)
async def test_what_does_not_pass_is_found(tmp_path: Path, name: str, way: str) -> None:
    change, lost, advice = LINES[name]
    changed: Side = ChangedSide(change)
    sides = (CLEAN if way == "back" else changed, CLEAN if way == "there" else changed)
    async with (
        listening_device("socket", tmp_path / "flash") as port,
        proxy_of(port, sides) as proxy,
    ):
        found = await findings(proxy.address)
    assert found["bytes"].state is State.FAIL
    assert "not 8-bit clean" in found["bytes"].text
    assert describe(frozenset(lost)) in found["bytes"].text
    assert advice in found["bytes"].advice
    assert "arithmetic" not in found


@pytest.mark.parametrize("back", [lambda data: data, seven_bits], ids=["another port", "this port"])
async def test_parity(tmp_path: Path, back: Callable[[bytes], bytes]) -> None:
    """Seven bits and one of even parity, for a board that reads eight bits."""
    sides: tuple[Side, Side] = (ChangedSide(even_parity), ChangedSide(back))
    async with listening_device("socket", tmp_path / "flash") as port, proxy_of(port, sides) as it:
        found = await findings(it.address)
    assert found["bytes"].state is State.FAIL
    assert "8 data bits without parity" in found["bytes"].advice


@pytest.mark.parametrize("way", ["there", "back"])
@pytest.mark.parametrize("name", ["xon", "telnet", "cr", "lf"])
async def test_it_is_found_if_no_hello_passes(
    tmp_path: Path, name: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    further = pending.secrets.randbits
    ids = chain([0x110D0AFF], iter(lambda: further(32), None))
    monkeypatch.setattr(pending.secrets, "randbits", lambda bits: next(ids))
    await test_what_does_not_pass_is_found(tmp_path, name, way)


@pytest.mark.parametrize("name", sorted(LINES.keys() - {"zeros"}))
def test_knocks_pass(name: str) -> None:
    """The length of each is a byte of it too."""
    change = LINES[name][0]
    frames = [encode_frame(knock_body(ord("u"), number)) for number in range(8)]
    assert [change(frame) for frame in frames] == frames


def test_a_request_is_not_lost_for_the_id_of_the_one_before() -> None:
    ids = [pending.PendingCalls().new_id().to_bytes(4, "big") for _ in range(64)]
    assert all(len({number[place] for number in ids}) > 16 for place in range(4))


async def test_a_clean_line_is_called_clean(tmp_path: Path) -> None:
    async with listening_device("socket", tmp_path / "flash") as port:
        found = await findings(port)
    assert found["bytes"] == Finding("bytes", State.OK, "the line is 8-bit clean")


async def test_noise_is_not_taken_for_lost_bytes(tmp_path: Path) -> None:
    noise = (NoisySide(1e-3, 1), NoisySide(1e-3, 2))
    async with listening_device("socket", tmp_path / "flash") as port, proxy_of(port, noise) as it:
        found = await findings(it.address)
    assert found["bytes"].state is State.OK
    assert found["arithmetic"].state is State.OK


async def test_a_silent_line_is_not_called_unclean(tmp_path: Path) -> None:
    silent = (ChangedSide(lambda data: b""), CLEAN)
    async with listening_device("socket", tmp_path / "flash") as port, proxy_of(port, silent) as it:
        found = await findings(it.address)
    assert "bytes" not in found
    assert "Nothing answers" in found["firmware"].text


@given(st.binary(max_size=8), st.integers(0, 5))
def test_a_knock_is_printable_but_for_what_it_carries(carried: bytes, number: int) -> None:
    body = knock(carried, number)
    assert body.startswith(b"ugpt?" + carried)
    assert all(0x20 <= byte < 0x7F for byte in zlib.crc32(body).to_bytes(4, "little"))
    assert heard(f"noise ugpt heard {checksum(body):08x}") == checksum(body)


def test_runs_of_bytes_are_described() -> None:
    assert describe(frozenset({0x11, 0x13, 0xFE, 0xFF})) == "0x11, 0x13, 0xFE to 0xFF"
    assert "XON/XOFF" in cure(frozenset({0x11, 0x0D}))
    assert "line ends" in cure(frozenset({0x11, 0x0D}))
