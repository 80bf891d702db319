"""Lines that damage bytes: frames become shorter, and longer again; the bits stay the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ugpt
from tests.campaign.noise import run_once
from tests.support.devices import listening_device
from tests.support.faults import NoisySide, proxy_of
from tests.support.peer import HELLO, Peer, device_of
from tests.support.virtual_time import leaping
from ugpt.rpc.line_quality import LEAST_DATA_BYTES, MEMORY_BYTES, LineQuality
from ugpt.rpc.stats import RoundTrip

STEPS = 200
BYTE_ERRORS = 3e-3
LONGEST = 2048 - 96  # data in a frame of the usual device


@pytest.fixture(scope="module")
def clean_digest(tmp_path_factory: pytest.TempPathFactory) -> str:
    return asyncio.run(run_once(tmp_path_factory.mktemp("clean"), 0.0, 0, STEPS)).digest


@pytest.mark.parametrize("seed", range(1, 4))
async def test_a_run_over_a_line_that_damages_bytes_has_the_same_bits(
    tmp_path: Path, clean_digest: str, seed: int
) -> None:
    async with asyncio.timeout(300.0):
        ended = await run_once(tmp_path, BYTE_ERRORS, seed, STEPS)
    assert ended.reason == ""
    assert ended.digest == clean_digest


async def test_a_model_goes_to_the_device_and_back_over_such_a_line(tmp_path: Path) -> None:
    noise = NoisySide(BYTE_ERRORS, 5), NoisySide(BYTE_ERRORS, 6)
    async with (
        asyncio.timeout(300.0),
        listening_device("socket", tmp_path / "flash") as port,
        proxy_of(port, noise) as line,
        ugpt.connect(line.address) as device,
    ):
        shape = ugpt.Shape(1, 16, 4, 16, 27)
        await device.create(
            7, shape, ugpt.Recipe(0.01, 0.85, 0.99, 1e-8, 5), "abcdefghijklmnopqrstuvwxyz"
        )
        await device.init_weights(1)
        weights = await device.read_tensors()
        await device.init_weights(2)
        await device.write_tensors(weights)
        assert await device.read_tensors() == weights
        assert (await device.data_store([b"\x01\x02"] * 2000, 27)).documents == 2000
        assert device.stats.quality.is_bad
    assert min(side.errors for side in noise) > 50


# How long frames are


def after(quality: LineQuality, size_bytes: int, frames: int = 40, damaged: int = 0) -> LineQuality:
    for number in range(frames):
        quality.carried(size_bytes // frames)
        if number < damaged:
            quality.damaged()
    return quality


def test_frames_become_shorter_and_longer_again() -> None:
    quality = LineQuality()
    assert 400 < quality.data_bytes < 600
    assert not quality.is_bad
    assert after(quality, 4 * MEMORY_BYTES).data_bytes > LONGEST
    assert after(quality, 8 * 1024, damaged=24).data_bytes < 350
    assert quality.is_bad
    assert after(quality, 8 * 1024, damaged=24).data_bytes < 250
    assert after(quality, 8 * MEMORY_BYTES).data_bytes > LONGEST
    assert not quality.is_bad


def test_one_accident_is_not_a_bad_line() -> None:
    assert not after(LineQuality(), 4096, damaged=1).is_bad


def test_what_was_only_late_is_forgiven() -> None:
    quality = after(LineQuality(), 4096, damaged=10)
    for _ in range(10):
        quality.forgive()
    quality.forgive()
    assert quality.data_bytes == after(LineQuality(), 4096).data_bytes


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 1000)), max_size=50))
def test_a_frame_always_holds_something(events: list[tuple[int, int]]) -> None:
    quality = LineQuality()
    for size, damaged in events:
        quality.carried(size)
        quality.damaged(damaged)
        assert quality.data_bytes >= LEAST_DATA_BYTES


def test_a_bad_line_is_asked_again_soon_unless_that_was_too_soon() -> None:
    round_trip = RoundTrip()
    assert round_trip.timeout_s(False) == 0.25
    assert round_trip.timeout_s(True) < 0.05
    for _ in range(10):
        round_trip.late()
    assert round_trip.timeout_s(True) == 0.25
    for _ in range(50):
        round_trip.measured(0.001)
    assert round_trip.timeout_s(True) < 0.05
    assert round_trip.timeout_s(False) > 0.25


@leaping
async def test_a_long_transfer_takes_up_what_the_line_shows() -> None:
    sizes: list[int] = []
    peer = Peer(replace(HELLO, frame_bytes=2048, window=1))

    def write(params: list[object]) -> list[object]:
        assert isinstance(params[1], bytes)
        sizes.append(len(params[1]))
        return []

    peer.handlers["data_write"] = write
    peer.handlers["data_begin"] = peer.handlers["data_commit"] = lambda params: []
    noise = NoisySide(BYTE_ERRORS, 9)
    async with device_of(peer) as device:
        documents = [bytes([1, 2, 3])] * 30_000
        peer.from_host = noise.pass_on
        await device.data_store(documents, 27)
        noisy = sizes[len(sizes) // 2 :]
        sizes.clear()
        peer.from_host = lambda data: [data]
        await device.data_store(documents, 27)
    assert sum(noisy) / len(noisy) < 300
    assert max(sizes) == LONGEST
