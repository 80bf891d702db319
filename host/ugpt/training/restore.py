"""Brings a run onto a device, and its state back from there."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from ..data.microgpt_random import INIT_STD as INIT_STD
from ..data.microgpt_random import MicrogptRandom
from ..device.activity import stand_still
from ..device.bulk import Progress
from ..device.client import Device
from ..device.tensors import VALUE_BYTES, tensor_shapes
from ..rpc.errors import ProtocolError
from ..rpc.messages import Recipe, Shape, Source, TensorKind
from ..runs.checkpoint import Checkpoint, Tensors, weights_digest
from ..runs.config import Init
from ..runs.errors import DamagedCheckpoint, RunError
from ..runs.folder import Run
from ..runs.kept_checkpoints import older_checkpoints
from ..wording import command
from .claims import require_step
from .events import Notice, Purpose
from .fine_tune import map_rows
from .guard import require_known_steps
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
    whichever is newer; if there is neither, the run begins anew. Steps count for more than their
    losses: those that nobody has any more leave a gap, which is told. Training is paused
    afterwards. Raises WouldOverwrite if the device is ahead with a model that cannot be gone on
    with.
    """
    run, config = session.run, session.run.config
    status = await stand_still(device)
    held = await held_step(device, session)
    if held:
        require_step(status, session.total_steps)
    checkpoint = read_newest(run, held)
    saved = checkpoint.step if checkpoint else 0
    if held and held >= saved:
        first_held = min(status.first_loss_step, held + 1)
        if status.source is Source.FLASH:
            async for _ in pull_loss_history(device, run, session.token_counts, first_held):
                pass  # it has been recorded
        elif run.evaluation_ahead < held:
            session.emit(Notice(f"The validation after step {run.evaluation_ahead:,} was missed."))
        _leave_gaps(session, first_held)
        return ResumePoint(held, "the device")

    require_known_steps(status, session, saved)
    _leave_gaps(session, saved + 1)
    if checkpoint:
        async with transfer_told(session.emit, Purpose.RESTORE) as progress:
            await put_model(
                device,
                config.run_id,
                config.shape,
                config.recipe,
                session.vocabulary.characters,
                checkpoint,
                progress,
            )
        return ResumePoint(checkpoint.step, "the checkpoint in the run folder")
    return await _begin(device, session)


async def _begin(device: Device, session: Session) -> ResumePoint:
    """Gives the device the model of a new run, with weights drawn or taken from another run."""
    run, config = session.run, session.run.config
    taken = run.read_parent(tensor_shapes(config.parent.shape)) if config.parent else None
    vocabulary = session.vocabulary.characters
    await device.create(config.run_id, config.shape, config.recipe, vocabulary)
    await device.init_weights(config.seed, INIT_STD)
    if config.init is Init.MICROGPT:
        generator = MicrogptRandom(config.seed)
        generator.shuffle(session.dataset.documents)
        weights = generator.weights(tensor_shapes(config.shape))
        await device.write_tensors(_to_bytes(weights), TensorKind.WEIGHTS)
    if taken is not None:
        await _take_over(device, session, taken)
        return ResumePoint(0, "the weights of another run")
    return ResumePoint(0, "the start")


async def _take_over(device: Device, session: Session, taken: Checkpoint) -> None:
    """Puts the weights of the parent in the place of those drawn, which new characters keep."""
    weights = dict(taken.weights)
    if taken.vocabulary != session.vocabulary.characters:
        drawn = await fetch_tensors(device, session.run.config.shape)
        weights |= map_rows(taken.weights, taken.vocabulary, drawn, session.vocabulary)
    async with transfer_told(session.emit, Purpose.RESTORE) as progress:
        await device.write_tensors(_to_bytes(weights), TensorKind.WEIGHTS, progress)


async def held_step(device: Device, session: Session) -> int:
    """How many steps of the run the model on the device has; 0 if the run cannot go on with it."""
    status, config = await device.status(), session.run.config
    if status.run_id != config.run_id or status.step <= 0:
        return 0
    model = await device.model_info()
    is_same = (
        model.shape == config.shape
        and is_as_device(model.recipe, config.recipe)
        and model.vocabulary_bytes == session.vocabulary_bytes
    )
    return status.step if is_same else 0


def is_as_device(held: Recipe, recipe: Recipe) -> bool:
    """Whether a device that was given `recipe` has the numbers that it holds, as float32."""
    ours, theirs = (np.array(astuple(each), np.float32) for each in (recipe, held))
    return bool((ours == theirs).all())


def read_newest(run: Run, held: int) -> Checkpoint | None:
    """The checkpoint of the folder, None if there is none, while the device holds `held` steps.

    Raises RunError saying how the run goes on without it if it is damaged.
    """
    try:
        return run.read_checkpoint(tensor_shapes(run.config.shape))
    except DamagedCheckpoint as error:
        again = command("train", "--resume", run.path)
        if held:
            advice = (
                f"The device holds the run after step {held:,}. To go on from there, move the "
                f"file away: {again}"
            )
        elif older := older_checkpoints(run.path):
            step = max(older)
            advice = f"To go on from step {step:,}, put {older[step].name} in its place: {again}"
        else:
            advice = (
                "Restore it from a copy. Nothing else is left of the run; to train it again from "
                f"the start, remove the file: {again}"
            )
        raise RunError(error.message, advice) from None


def _leave_gaps(session: Session, next_step: int) -> None:
    """Prepares metrics.jsonl for the losses from `next_step` on; those before are had or lost."""
    metrics = session.run.metrics
    metrics.cut_at_gap(next_step)
    metrics.give_up(next_step - 1)
    if missing := metrics.newly_missing():
        what = "The loss of 1 step is" if missing == 1 else f"The losses of {missing:,} steps are"
        session.emit(Notice(f"{what} missing from metrics.jsonl; a gap is left."))


async def fetch_checkpoint(
    device: Device, step: int, shape: Shape, progress: Progress | None = None
) -> Checkpoint:
    """Reads weights and moments of an idle device."""
    kinds = [
        await fetch_tensors(device, shape, kind, _part(number, progress))
        for number, kind in enumerate(TensorKind)
    ]
    weights, first_moment, second_moment = kinds
    return Checkpoint(step, weights, first_moment, second_moment)


async def fetch_tensors(
    device: Device,
    shape: Shape,
    kind: TensorKind = TensorKind.WEIGHTS,
    progress: Progress | None = None,
) -> Tensors:
    """Reads weights or moments of an idle device."""
    matrices = tensor_shapes(shape)
    read = await device.read_tensors(kind, progress)
    if any(
        len(read.get(name, b"")) != VALUE_BYTES * rows * columns
        for name, (rows, columns) in matrices.items()
    ):
        raise ProtocolError("The device sent the tensors of a model of another shape.")
    return {
        name: np.frombuffer(read[name], "<f4").astype(np.float32).reshape(size)
        for name, size in matrices.items()
    }


async def put_model(
    device: Device,
    run_id: int,
    shape: Shape,
    recipe: Recipe,
    vocabulary: str,
    checkpoint: Checkpoint,
    progress: Progress | None = None,
) -> None:
    """Makes a model with the weights and moments of a checkpoint, which a run folder holds."""
    await device.create(run_id, shape, recipe, vocabulary)
    # Step 0 marks a model that is not whole, should the connection break on the way.
    await device.set_step(0)
    kinds = (checkpoint.weights, checkpoint.first_moment, checkpoint.second_moment)
    for number, (kind, tensors) in enumerate(zip(TensorKind, kinds, strict=True)):
        await device.write_tensors(_to_bytes(tensors), kind, _part(number, progress))
    await device.set_step(checkpoint.step)
    await device.weights_saved(checkpoint.step, weights_digest(checkpoint.weights))


def _part(number: int, progress: Progress | None) -> Progress | None:
    """For one kind of values, all of which are equally many."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, len(TensorKind) * total)


def _to_bytes(tensors: Tensors) -> dict[str, bytes]:
    return {name: values.astype("<f4").tobytes() for name, values in tensors.items()}
