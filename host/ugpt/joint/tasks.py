"""What a board is asked to do for a joint run, as values that can be sent to it.

Each task brings all that it needs and leaves nothing behind that another one builds on, so any
board can do it, at any time, as often as it takes: the same task gives the same bits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..device.activity import stand_still
from ..device.client import Device
from ..rpc.messages import Recipe, Shape
from ..runs.checkpoint import Checkpoint, weights_digest
from ..training.feeder import DocumentFeeder, Feed
from ..training.fit import require_fit
from ..training.guard import require_free
from ..training.restore import INIT_STD, fetch_checkpoint, put_model
from ..training.sampling import sample_texts

ResultT = TypeVar("ResultT", covariant=True)


class Task(Protocol[ResultT]):
    """Something that a board does."""

    async def on(self, device: Device) -> ResultT:
        """Raises UgptError if it cannot be done there."""


@dataclass(frozen=True)
class Model:
    """The model of a run, without its numbers."""

    run_id: int
    shape: Shape
    recipe: Recipe
    vocabulary: str
    may_overwrite: bool = False
    """Whether what a board holds may be lost, though it is nowhere else."""

    @property
    def vocabulary_bytes(self) -> int:
        return len(self.vocabulary.encode())

    async def clear(self, device: Device) -> None:
        """Makes a board ready for the model. Raises UgptError if something there is in the way."""
        await require_free(device, may_overwrite=self.may_overwrite, run_ids=(self.run_id,))
        await stand_still(device)

    async def put(self, device: Device, checkpoint: Checkpoint) -> None:
        """Gives a board the model with these numbers."""
        await self.clear(device)
        parts = (self.run_id, self.shape, self.recipe, self.vocabulary)
        await put_model(device, *parts, checkpoint)


@dataclass(frozen=True)
class Ability:
    """What a board needs for a model."""

    step_s: float
    """Estimated time of a training step; 0 if nothing is known of the chip."""
    baud: int
    """Rate of its line; 0 if a rate has no meaning."""


@dataclass(frozen=True)
class Examine:
    """Whether the model can be trained on a board."""

    model: Model
    positions: int
    """Of a document, in the middle."""

    async def on(self, device: Device) -> Ability:
        model = self.model
        needs = (model.shape, model.recipe, model.vocabulary_bytes)
        await require_fit(device, *needs)
        plan = await device.plan(*needs, positions=self.positions)
        await model.clear(device)
        return Ability(plan.step_ns / 1e9, device.stats.baud)


@dataclass(frozen=True)
class DrawModel:
    """The model that all workers begin with, from the generator of a board."""

    model: Model
    seed: int

    async def on(self, device: Device) -> Checkpoint:
        model = self.model
        await model.clear(device)
        await device.create(model.run_id, model.shape, model.recipe, model.vocabulary)
        await device.init_weights(self.seed, INIT_STD)
        return await fetch_checkpoint(device, 0, model.shape)


@dataclass(frozen=True)
class Trained:
    """What a worker has come to."""

    checkpoint: Checkpoint
    losses: Sequence[float]
    compute_s: float
    """In which the board trained."""
    wire_s: float
    """In which weights and moments were on their way."""


@dataclass(frozen=True)
class TrainPart:
    """One worker's steps from `begin.step` up to `until`."""

    model: Model
    worker: int
    begin: Checkpoint
    until: int
    documents: tuple[bytes, ...]
    """Those of these steps, as `encode_tokens` packs them."""

    async def on(self, device: Device) -> Trained:
        model = self.model
        started_s = time.monotonic()
        await model.put(device, self.begin)
        begun_s = time.monotonic()
        losses = await self._train(device)
        trained_s = time.monotonic()
        checkpoint = await fetch_checkpoint(device, self.until, model.shape)
        # The board compares: what came over the line is what it has. And it need not keep it.
        await device.weights_saved(self.until, weights_digest(checkpoint.weights))
        ended_s = time.monotonic()
        wire_s = begun_s - started_s + ended_s - trained_s
        return Trained(checkpoint, losses, trained_s - begun_s, wire_s)

    async def _train(self, device: Device) -> list[float]:
        model = self.model
        losses: list[float] = []
        first = self.begin.step * model.recipe.batch
        feed = Feed(
            model.run_id,
            model.recipe.total_steps,
            model.recipe.batch,
            lambda index: self.documents[index - first],
        )
        feeder = DocumentFeeder(device, feed, lambda _, more: losses.extend(more))
        await feeder.begin(self.begin.step)
        # Towards the last step of all: a board saves itself where its target is.
        await feeder.advance(self.until, model.recipe.total_steps, asyncio.Event(), lambda: None)
        if self.until == model.recipe.total_steps:
            await feeder.see_saved()
        await device.pause()
        return losses


@dataclass(frozen=True)
class Evaluate:
    """The losses of documents that the model is not trained on."""

    model: Model
    checkpoint: Checkpoint
    documents: tuple[bytes, ...]

    async def on(self, device: Device) -> Sequence[float]:
        await self.model.put(device, self.checkpoint)
        return (await device.evaluate(self.documents)).losses


@dataclass(frozen=True)
class WriteTexts:
    """Texts number 0.. of a seed that the model writes."""

    model: Model
    checkpoint: Checkpoint
    seed: int
    count: int

    async def on(self, device: Device) -> list[str]:
        await self.model.put(device, self.checkpoint)
        return [text.text async for text in sample_texts(device, self.count, seed=self.seed)]
