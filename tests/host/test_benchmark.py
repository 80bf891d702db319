"""The benchmark against a real virtual device, which must come out of it as it went in."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from unittest.mock import AsyncMock, Mock, call

import pytest

import ugpt
from tests.support.waiting import until
from ugpt import Device, Recipe, Sampled, Shape, Source
from ugpt.diagnostics import benchmark, story_benchmark
from ugpt.diagnostics.receipt import receipt, receipt_text
from ugpt.rpc.errors import Busy, DoesNotFit
from ugpt.rpc.messages import ErrorCode
from ugpt.training.guard import WouldOverwrite

SHAPE = Shape(n_layer=1, n_embd=16, n_head=4, block_size=16, vocab_size=27)
RECIPE = Recipe(learning_rate=0.01, beta1=0.85, beta2=0.99, epsilon=1e-8, total_steps=10**6)
DOCUMENTS = [bytes([i % 26, (i * 7) % 26, (i * 3) % 26]) for i in range(400)]
DURATION_S = 0.05


async def measure(device: Device, shape: Shape = SHAPE) -> benchmark.Measurement:
    return await benchmark.measure(
        device, shape, DURATION_S, lambda part: None, may_overwrite=False
    )


async def reach(device: Device, step: int) -> None:
    async def reached() -> bool | None:
        return (await device.status()).step >= step or None

    await until(reached)


async def test_everything_is_measured(tmp_path: Path) -> None:
    parts: list[str] = []
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        started_s = time.perf_counter()
        measured = await benchmark.measure(
            device, SHAPE, DURATION_S, parts.append, may_overwrite=False
        )
        passed_s = time.perf_counter() - started_s
        assert (await device.status()).run_id == 0
    assert parts == ["link", "training", "phases", "sampling"]
    assert measured.parameters == 4192
    assert measured.link.sent_bytes_per_s > 0
    assert measured.link.received_bytes_per_s > 0
    assert measured.link.round_trip_s > 0
    assert measured.training.steps > 0
    assert measured.training.duration_s >= DURATION_S
    assert measured.training.steps_per_s == pytest.approx(
        measured.training.steps / measured.training.duration_s
    )
    assert 4 <= measured.training.positions_per_step <= 11  # names of 3 to 10 letters
    assert tuple(measured.phases.ticks_per_step) == benchmark.PHASES
    assert all(ticks > 0 for ticks in measured.phases.ticks_per_step.values())
    # What the device counted happened meanwhile, however long all of it took.
    ticks = sum(measured.phases.ticks_per_step.values()) * measured.phases.steps
    assert 0 < ticks / measured.phases.tick_hz <= passed_s
    assert measured.sampling.names > 0
    assert measured.sampling.tokens_per_s >= measured.sampling.names_per_s


async def test_every_phase_is_counted(tmp_path: Path) -> None:
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        phases = (await measure(device)).phases
    assert set(phases.ticks_per_step) == set(benchmark.PHASES)
    assert min(phases.ticks_per_step.values()) > 0


@pytest.mark.parametrize("saved_at", [0, 20])
async def test_a_model_that_was_not_saved_is_back(tmp_path: Path, saved_at: int) -> None:
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        await device.create(7, SHAPE, RECIPE, "abcdefghijklmnopqrstuvwxyz")
        await device.init_weights(1)
        await device.train(1000)
        await device.documents_write(0, DOCUMENTS[:saved_at])
        await reach(device, saved_at)
        if saved_at:
            await device.save()
        await device.documents_write(saved_at, DOCUMENTS[saved_at:30])
        await reach(device, 30)
        before = await device.read_tensors()
        await measure(device)
        status = await device.status()
        assert (status.run_id, status.step, status.saved_step) == (7, 30, 30)
        assert await device.read_tensors() == before


async def test_a_device_that_trains_by_itself_is_left_alone(tmp_path: Path) -> None:
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        await device.create(7, SHAPE, RECIPE, "abcdefghijklmnopqrstuvwxyz")
        await device.init_weights(1)
        await device.data_store(DOCUMENTS, SHAPE.vocab_size)
        await device.train(10**6, source=Source.FLASH)
        with pytest.raises(WouldOverwrite, match="trains by itself"):
            await measure(device)
        step = (await device.status()).step
        await reach(device, step + 10)
        assert (await device.status()).run_id == 7


async def test_a_model_too_large_changes_nothing(tmp_path: Path) -> None:
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        boot = device.hello.boot
        with pytest.raises(DoesNotFit):
            await measure(device, Shape(8, 256, 8, 64, 27))
        assert device.hello.boot == boot


async def test_the_end_of_a_text_is_a_token_too() -> None:
    device = AsyncMock(spec=Device, stats=Mock(window=2))
    device.sample.side_effect = itertools.cycle([Sampled(b"abc", True), Sampled(b"abcd", False)])
    measured = await benchmark._measure_sampling(device, 0.001)
    assert measured.tokens_per_s == pytest.approx(4 * measured.names_per_s)


async def test_the_profile_of_stories_is_off_again_after_an_error() -> None:
    device = AsyncMock(spec=Device)
    device.begin_text.side_effect = Busy(ErrorCode.BUSY, "The trainer is training.")
    device.profile.return_value = Mock(tokens=0)
    with pytest.raises(Busy):
        await story_benchmark._measure_phases(device, 30, 0.0)
    assert device.profile.mock_calls == [call(True), call(False)]


def test_documents_are_as_long_as_names() -> None:
    documents = list(itertools.islice(benchmark._documents(SHAPE), 250))
    assert sum(len(document) + 1 for document in documents) / 250 == pytest.approx(7.12)
    short = Shape(n_layer=1, n_embd=16, n_head=4, block_size=4, vocab_size=27)
    assert max(map(len, itertools.islice(benchmark._documents(short), 250))) == 4


async def test_a_receipt_tells_chip_flash_and_image(tmp_path: Path) -> None:
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        measured = replace(
            await measure(device), standard_run=benchmark.StandardRun(1000, "ab" * 32)
        )
        virtual = device.hello
    today = date(2026, 11, 1)
    told = receipt(measured, virtual, "0.2.0", today)
    assert (told["flash_mode"], told["flash_hz"]) == ("QIO", 80_000_000)
    assert told["chip_revision"] is None
    assert told["image_sha256"] == ""
    board = replace(virtual, chip_revision=301, image_sha256=bytes(range(32)))
    told = json.loads(receipt_text(receipt(measured, board, "0.2.0", today)))
    assert told["chip_revision"] == 301
    assert told["image_sha256"] == bytes(range(32)).hex()
