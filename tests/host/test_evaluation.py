"""Batches, schedules and documents held out, against a real virtual device."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ugpt
from tests.support.sessions import NAMES, Session, once
from ugpt import Device, MomentFormat, Recipe, Schedule, Shape, encode_tokens
from ugpt.data.dataset import Dataset, split_documents
from ugpt.rpc.errors import BadToken, NoModel
from ugpt.runs.save_period import SavePeriod
from ugpt.training.events import Evaluated, Finished, Interrupted, Notice, Restored, Stopped
from ugpt.training.trainer import Outcome

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("undrawn")]

HELD_OUT = 500
PLAIN = Recipe(0.01, 0.85, 0.99, 1e-8, 2000)
BATCHED = replace(
    PLAIN, batch=3, schedule=Schedule.COSINE, warmup_steps=50, weight_decay=0.01, clip_norm=1.0
)
SHAPE = Shape(1, 16, 4, 16, 27)


def session(folder: Path, recipe: Recipe = BATCHED, **options: Any) -> Session:
    return Session(folder, recipe=recipe, validation_documents=HELD_OUT, eval_every=150, **options)


def entries(session: Session) -> list[dict[str, Any]]:
    return [json.loads(line) for line in session.metrics.read_text().splitlines()]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A run that nothing disturbed."""
    straight = session(tmp_path_factory.mktemp("straight"))
    asyncio.run(straight.train())
    return straight


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[Device]:
    async with (
        asyncio.timeout(60.0),
        ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device,
    ):
        yield device


def encoded(texts: list[str]) -> list[bytes]:
    vocabulary = Dataset.load(NAMES).vocabulary
    return [encode_tokens(vocabulary.encode(text[:16]), 27) for text in texts]


# The client


async def test_evaluation_gives_the_loss_that_training_would(device: Device) -> None:
    with pytest.raises(NoModel):
        await device.evaluate([b"\x01"])
    await device.create(1, SHAPE, PLAIN, "abcdefghijklmnopqrstuvwxyz")
    await device.init_weights(42)
    documents = encoded(list(Dataset.load(NAMES).documents[:3000]))
    before = await device.read_tensors()
    step, losses = await device.evaluate(documents)
    assert (step, len(losses)) == (0, 3000)
    assert np.mean(losses) == pytest.approx(np.log(27), abs=0.1)
    assert await device.read_tensors() == before
    assert (await device.evaluate(documents[7:8])).losses == losses[7:8]
    assert await device.evaluate([]) == (0, ())
    with pytest.raises(BadToken):
        await device.evaluate([b"\xff"])

    await device.documents_write(0, documents[:1])
    await device.train(1)
    while (await device.status()).step < 1:
        pass
    assert (await device.status()).loss == losses[0]
    assert (await device.evaluate(documents[:1])).losses[0] < losses[0]


async def test_a_batch_has_the_mean_loss_of_its_documents(device: Device) -> None:
    recipe = replace(PLAIN, batch=4)
    await device.create(1, SHAPE, recipe, "abcdefghijklmnopqrstuvwxyz")
    await device.init_weights(42)
    documents = encoded(["anna", "li", "maximilian", "jo"])
    losses = (await device.evaluate(documents)).losses
    await device.train(1)
    # Whatever is asked of it in the middle of a batch must not disturb it.
    await device.documents_write(0, documents[:3])
    await device.evaluate(documents)
    await device.sample(1, 0)
    assert (await device.status()).step == 0
    await device.documents_write(3, documents[3:])
    while (await device.status()).step < 1:
        pass
    assert (await device.status()).loss == pytest.approx(np.mean(losses), rel=1e-6)


async def one_document(device: Device, batch: int) -> np.ndarray[Any, Any]:
    """Weights after some steps on batches of one and the same document."""
    await device.create(batch, SHAPE, replace(PLAIN, batch=batch), "abcdefghijklmnopqrstuvwxyz")
    await device.init_weights(42)
    (document,) = encoded(["anna"])
    await device.train(20)
    sent = 0
    while (await device.status()).step < 20:
        sent = (await device.documents_write(sent, [document] * (20 * batch - sent))).next
    return np.concatenate(
        [np.frombuffer(data, "<f4") for data in (await device.read_tensors()).values()]
    )


async def test_the_same_document_again_and_again_is_one_of_it(device: Device) -> None:
    single = await one_document(device, 1)
    double = await one_document(device, 2)
    await device.create(9, SHAPE, PLAIN, "abcdefghijklmnopqrstuvwxyz")
    await device.init_weights(42)
    moved = np.abs(single - np.concatenate(
        [np.frombuffer(data, "<f4") for data in (await device.read_tensors()).values()]
    )).max()  # fmt: skip
    assert moved > 0.1
    assert np.abs(single - double).max() < 1e-3 * moved


# Runs


def test_evaluation_happens_after_exact_steps(straight: Session) -> None:
    due = [*range(150, 2000, 150), 2000]
    validated = [event for event in straight.told(Evaluated) if isinstance(event, Evaluated)]
    assert [event.step for event in validated] == due
    assert {event.documents for event in validated} == {100}
    found = {entry["step"]: entry["val_loss"] for entry in entries(straight) if "val_loss" in entry}
    assert found == {event.step: event.val_loss for event in validated}
    assert 2.0 < validated[-1].val_loss < validated[0].val_loss < 3.2
    (finished,) = straight.told(Finished)
    assert isinstance(finished, Finished)
    assert finished.val_loss == validated[-1].val_loss
    assert not straight.told(Notice)


def test_tokens_count_all_documents_of_a_step(straight: Session) -> None:
    dataset = Dataset.load(NAMES)
    training = split_documents(dataset.documents, 42, HELD_OUT).training
    counts = [min(len(text) + 1, 16) for text in training]  # BOS after each that fits
    expected = [
        sum(counts[index % len(counts)] for index in range(3 * step, 3 * step + 3))
        for step in range(2000)
    ]
    assert len(counts) < 3 * 2000
    assert [entry["tokens"] for entry in entries(straight)] == expected


async def test_the_last_evaluation_is_that_of_the_final_weights(straight: Session) -> None:
    dataset = Dataset.load(NAMES)
    validation_documents = split_documents(dataset.documents, 42, HELD_OUT).validation[:100]
    async with straight.connect() as device:
        losses = (await device.evaluate(encoded(list(validation_documents)))).losses
    weights = [min(len(text) + 1, 16) for text in validation_documents]
    assert straight.told(Finished)[0].val_loss == pytest.approx(  # type: ignore[attr-defined]
        np.average(losses, weights=weights), rel=1e-12
    )


@pytest.mark.parametrize("recipe", [PLAIN, BATCHED], ids=["plain", "batched"])
async def test_evaluation_changes_no_bit(tmp_path: Path, recipe: Recipe) -> None:
    recipe = replace(recipe, total_steps=400)
    often = Session(tmp_path / "often", recipe=recipe, validation_documents=HELD_OUT, eval_every=7)
    seldom = Session(
        tmp_path / "seldom", recipe=recipe, validation_documents=HELD_OUT, eval_every=400
    )
    none = Session(tmp_path / "none", recipe=recipe)
    for each in (often, seldom, none):
        await each.train()
    assert often.digest == seldom.digest == none.digest
    assert [entry["loss"] for entry in entries(often)] == [entry["loss"] for entry in entries(none)]


# What goes wrong on the way


@pytest.mark.parametrize("save_every", [0, 150, 400])
async def test_stop_and_go_on(tmp_path: Path, straight: Session, save_every: int) -> None:
    again = session(tmp_path, save_every=SavePeriod(steps=save_every))
    for step in (100, 500, 1100):
        training = again.training()
        again.on_event = once(step, training.request_stop)
        assert await training.run() is Outcome.STOPPED
        (stopped,) = again.told(Stopped)[-1:]
        assert isinstance(stopped, Stopped)
        assert step <= stopped.step < 2000
    again.on_event = lambda event: None
    assert await again.train() is Outcome.FINISHED
    assert again.digest == straight.digest
    assert again.metrics.read_bytes() == straight.metrics.read_bytes()


async def test_restart_of_the_device(tmp_path: Path, straight: Session) -> None:
    again = session(tmp_path, save_every=SavePeriod(steps=200))
    again.on_event = once(500, again.restart_device)
    assert await again.train() is Outcome.FINISHED
    assert len(again.told(Interrupted)) == 1
    assert len(again.told(Restored)) == 1
    assert not again.told(Notice)
    assert again.digest == straight.digest
    assert again.metrics.read_bytes() == straight.metrics.read_bytes()


@pytest.mark.parametrize("line", [149, 150, 160])
async def test_metrics_that_were_cut_have_a_gap(
    tmp_path: Path, straight: Session, line: int
) -> None:
    again = session(tmp_path)
    training = again.training()
    again.on_event = once(500, training.request_stop)
    await training.run()
    (stopped,) = again.told(Stopped)
    assert isinstance(stopped, Stopped)
    lines = again.metrics.read_text().splitlines(keepends=True)
    again.metrics.write_text("".join(lines[:line]))
    again.on_event = lambda event: None
    await again.train()
    assert again.digest == straight.digest
    left = [step for step in range(1, 2001) if step <= line or step > stopped.step]
    assert [entry["step"] for entry in entries(again)] == left
    found = [entry["step"] for entry in entries(again) if "val_loss" in entry]
    assert found == [step for step in left if step % 150 == 0 or step == 2000]


@pytest.mark.parametrize("moments", list(MomentFormat))
async def test_packed_moments_survive_a_change_of_device(
    tmp_path: Path, moments: MomentFormat
) -> None:
    recipe = replace(BATCHED, moments=moments, recompute=True, total_steps=300)
    plain = session(tmp_path / "plain", recipe)
    await plain.train()
    moved = session(tmp_path / "moved", recipe)
    training = moved.training()
    moved.on_event = once(100, training.request_stop)
    assert await training.run() is Outcome.STOPPED
    (tmp_path / "moved" / "flash").unlink()
    moved.on_event = lambda event: None
    await moved.train()
    assert moved.digest == plain.digest
    assert moved.metrics.read_bytes() == plain.metrics.read_bytes()
