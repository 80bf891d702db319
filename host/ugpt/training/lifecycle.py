"""The milestones of a run: its start, checkpoints in its folder, and what completes it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..data.microgpt_random import MicrogptRandom
from ..device.client import Device
from ..device.tensors import count_parameters, tensor_shapes
from ..rpc.errors import FlashFailed
from ..rpc.messages import Plan
from ..runs.config import Init
from ..runs.errors import RunError
from ..runs.folder import Run
from ..runs.plot import TEXTS, Card, loss_png
from ..wording import data_name
from .events import Baselines, Finished, Notice, Purpose, Saved, Started
from .restore import ResumePoint, fetch_checkpoint
from .room import tell_restored
from .sampling import sample_like_microgpt, sample_texts
from .session import Session
from .transfers import transfer_told
from .validation import Validation

SAMPLES = 20
"""Texts drawn at the end of a run."""


def describe_start(
    device: Device, session: Session, plan: Plan, point: ResumePoint, resumed: bool = False
) -> Started:
    """The event that begins or takes up a run."""
    run, dataset = session.run, session.dataset
    shape = run.config.shape
    return Started(
        run=run.path,
        data=dataset.path,
        documents=len(dataset.documents),
        device=device.introduction(),
        n_layer=shape.n_layer,
        n_embd=shape.n_embd,
        n_head=shape.n_head,
        block_size=shape.block_size,
        vocab_size=shape.vocab_size,
        parameters=plan.parameters,
        memory_bytes=plan.total_bytes,
        memory_available_bytes=plan.available_bytes,
        step=point.step,
        total_steps=run.config.recipe.total_steps,
        source=point.source,
        validation_documents=run.config.validation_documents,
        resumed=resumed,
        device_name=device.name,
    )


def describe_data(session: Session) -> Baselines:
    """The event that gives the losses of a run a meaning."""
    known = session.baselines
    return Baselines(known.uniform, known.letter_counts, known.letter_pairs)


async def save_run(device: Device, session: Session, step: int) -> str:
    """Keeps an idle device's state in the run folder; it has saved itself to its flash.

    Returns the digest of the weights. Raises DiskFull if the losses have no room, but after the
    checkpoint has been written, which may have some.
    """
    run = session.run
    with run.metrics.flushed():
        async with transfer_told(session.emit, Purpose.SAVE) as progress:
            checkpoint = await fetch_checkpoint(device, step, run.config.shape, progress)
        digest = run.write_checkpoint(checkpoint, session.vocabulary.characters)
        try:
            await device.weights_saved(step, digest)
        except FlashFailed:
            if run.metrics.is_written:
                raise  # else the disk is full, and the file of the flash with it
        session.emit(Saved(step, on_device=(await device.status()).saved_step == step))
    tell_restored(run.metrics, session.emit)
    return digest


async def finish_run(
    device: Device, session: Session, validation: Validation, elapsed_s: float | None
) -> None:
    """Completes the folder of a run whose last step is done."""
    run, step = session.run, session.total_steps
    await validation.after(device, step)
    digest = await save_run(device, session, step)
    texts = await _last_samples(device, session)
    run.write_samples(texts, "\n" in session.vocabulary.characters)
    draw_card(session, texts)
    session.emit(
        Finished(
            run=run.path,
            step=step,
            loss=last_loss(run),
            elapsed_s=elapsed_s,
            weights_sha256=digest,
            samples=texts,
            val_loss=run.metrics.val_losses.get(step),
            port=device.port if device.named else "",
        )
    )


def last_loss(run: Run) -> float | None:
    """That of the last step; None if it is no number, or not known."""
    loss = run.metrics.losses[-1]
    return loss if math.isfinite(loss) else None


async def texts_for_card(device: Device, session: Session) -> list[str]:
    """What the model of a run that ends early writes."""
    texts = sample_texts(device, TEXTS, seed=session.run.config.seed)
    return [text.text async for text in texts]


def draw_card(session: Session, texts: Sequence[str]) -> None:
    """Draws loss.png; tells why if it cannot be drawn, which harms nothing else."""
    run = session.run
    card = Card(
        losses=run.metrics.losses,
        total_steps=session.total_steps,
        data=data_name(session.dataset.path),
        device=run.config.place,
        parameters=count_parameters(run.config.shape),
        val_losses=run.metrics.val_losses,
        baselines=describe_data(session).by_name,
        texts=texts,
    )
    try:
        run.write_plot(loss_png(card))
    except RunError as error:
        session.emit(Notice(str(error)))


async def _last_samples(device: Device, session: Session) -> list[str]:
    config = session.run.config
    if config.init is not Init.MICROGPT:
        return [text.text async for text in sample_texts(device, SAMPLES, seed=config.seed)]
    generator = MicrogptRandom(config.seed)
    generator.shuffle(session.dataset.documents)
    generator.weights(tensor_shapes(config.shape))
    return await sample_like_microgpt(
        device, SAMPLES, session.vocabulary, config.shape.block_size, generator
    )
