"""A training run that is saved however its caller ends it."""

from __future__ import annotations

import asyncio

from ..data.dataset import Dataset
from ..runs import folder
from ..training.events import Event, OnEvent
from ..training.guard import WouldOverwrite
from ..training.retry import Connect
from ..training.saving import SAVING_LIMIT_S
from ..training.session import Session
from ..training.trainer import Training
from .values import in_keywords


async def train_to_end(
    connect: Connect, run: folder.Run, dataset: Dataset, hear: OnEvent, may_overwrite: bool
) -> None:
    """Trains to the last step. Raises UgptError, and what `hear` raises.

    Cancelled once, or after an error of `hear`, it stops the device after its step and saves the
    run first. Cancelled again it ends at once.
    """
    failures: list[Exception] = []

    def guarded(event: Event) -> None:
        if failures:
            return
        try:
            hear(event)
        except Exception as error:
            failures.append(error)
            training.request_stop()

    session = Session(run, dataset, guarded, may_overwrite=may_overwrite)
    training = Training(connect, session)
    task = asyncio.create_task(training.run(), name="ugpt training")
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await _end(task, training)
        raise
    except WouldOverwrite as error:
        raise in_keywords(error) from None
    if failures:
        raise failures[0]


async def _end(task: asyncio.Task[object], training: Training) -> None:
    try:
        if training.placed:
            training.request_stop()
            await asyncio.wait({task}, timeout=SAVING_LIMIT_S)
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # whoever cancels has no use for it
