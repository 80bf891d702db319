"""Brings a run onto a device, and its state back from there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data.microgpt_random import INIT_STD as INIT_STD
from ..data.microgpt_random import MicrogptRandom
from ..device.bulk import Progress
from ..device.client import Device
from ..device.tensors import VALUE_BYTES, tensor_shapes
from ..rpc.errors import ProtocolError
from ..rpc.messages import DeviceState, Shape, Source, Status, TensorKind
from ..runs.checkpoint import Checkpoint, Tensors, weights_digest
from ..runs.config import Init
from ..runs.folder import Run
from ..wording import counted
from .claims import require_step
from .events import Notice, Purpose
from .loss_history import pull_loss_history
from .session import Session
from .transfers import transfer_told


@dataclass(frozen=True)
class ResumePoint:
    """Where a run goes on."""

    step: int
    """Steps completed."""
    source: str
    """What held them, for the user."""


async def place(device: Device, session: Session) -> ResumePoint:
    """Makes the device ready to go on with `run` from as late a step as possible.

    That is what the device holds, if it is of this run, or the checkpoint of the run folder,
    whichever is newer; if there is neither, the run begins anew. A model of the device whose losses
    nobody has read is left for the checkpoint, whose steps are repeated then, unless metrics.jsonl
    was damaged: a gap in it is told, and costs no steps. Training is paused afterwards.
    """
    run, config = session.run, session.run.config
    matrices = tensor_shapes(config.shape)
    status = await device.status()
    if status.state in (DeviceState.TRAINING, DeviceState.WAITING):
        await device.pause()
        status = await device.status()
    if status.run_id == config.run_id and status.source is Source.FLASH:
        async for _ in pull_loss_history(device, run, session.token_counts):
            pass  # it has been recorded
    if status.run_id == config.run_id:
        require_step(status, session.total_steps)
    checkpoint = run.read_checkpoint(matrices)
    if _prefer_device(run, status, checkpoint):
        _give_up(session, min(status.first_loss_step - 1, status.step))
        return ResumePoint(status.step, "the memory of the device")

    await device.create(config.run_id, config.shape, config.recipe, session.vocabulary.characters)
    if checkpoint:
        # Step 0 marks a model that is not whole, should the connection break on the way.
        await device.set_step(0)
        async with transfer_told(session.emit, Purpose.RESTORE) as progress:
            await _send_checkpoint(device, checkpoint, progress)
        _give_up(session, checkpoint.step)
        await device.weights_saved(checkpoint.step, weights_digest(checkpoint.weights))
        return ResumePoint(checkpoint.step, "the checkpoint in the run folder")
    await device.init_weights(config.seed, INIT_STD)
    if config.init is Init.MICROGPT:
        generator = MicrogptRandom(config.seed)
        generator.shuffle(session.dataset.documents)
        await device.write_tensors(_to_bytes(generator.weights(matrices)), TensorKind.WEIGHTS)
    return ResumePoint(0, "the start")


def _prefer_device(run: Run, status: Status, checkpoint: Checkpoint | None) -> bool:
    saved_step = checkpoint.step if checkpoint else 0
    if status.run_id != run.config.run_id or status.step <= 0 or status.step < saved_step:
        return False
    whole = not run.metrics.damaged and saved_step <= run.metrics.step
    if status.source is Source.FLASH or not whole:
        return True
    return status.first_loss_step <= run.metrics.step + 1 and status.step <= run.evaluation_ahead


def _give_up(session: Session, step: int) -> None:
    """Leaves a gap up to `step` of losses that nobody has any more."""
    metrics = session.run.metrics
    missing = step - metrics.step
    if missing > 0:
        metrics.give_up(step)
        are = "is" if missing == 1 else "are"
        text = f"The losses of {counted(missing, 'step')} {are} missing from metrics.jsonl"
        session.emit(Notice(f"{text}; a gap is left."))


async def fetch_checkpoint(
    device: Device, step: int, shape: Shape, progress: Progress | None = None
) -> Checkpoint:
    """Reads weights and moments of an idle device."""
    matrices = tensor_shapes(shape)
    kinds: list[Tensors] = []
    for number, kind in enumerate(TensorKind):
        read = await device.read_tensors(kind, _part(number, progress))
        if any(
            len(read.get(name, b"")) != VALUE_BYTES * rows * columns
            for name, (rows, columns) in matrices.items()
        ):
            raise ProtocolError("The device sent the tensors of a model of another shape.")
        kinds.append(
            {
                name: np.frombuffer(read[name], "<f4").astype(np.float32).reshape(size)
                for name, size in matrices.items()
            }
        )
    return Checkpoint(step, *kinds)


async def _send_checkpoint(device: Device, checkpoint: Checkpoint, progress: Progress) -> None:
    kinds = (checkpoint.weights, checkpoint.first_moment, checkpoint.second_moment)
    for number, (kind, tensors) in enumerate(zip(TensorKind, kinds, strict=True)):
        await device.write_tensors(_to_bytes(tensors), kind, _part(number, progress))
    await device.set_step(checkpoint.step)


def _part(number: int, progress: Progress | None) -> Progress | None:
    """For one kind of values, all of which are equally many."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, len(TensorKind) * total)


def _to_bytes(tensors: Tensors) -> dict[str, bytes]:
    return {name: values.astype("<f4").tobytes() for name, values in tensors.items()}
