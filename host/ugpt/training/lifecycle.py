"""The milestones of a run: its start, checkpoints in its folder, and what completes it."""

from __future__ import annotations

from ..data.dataset import Dataset
from ..data.microgpt_random import MicrogptRandom
from ..device.client import Device
from ..device.tensors import tensor_shapes
from ..rpc.messages import Plan
from ..runs.folder import Init, Run
from ..runs.plot import loss_png
from .events import Finished, OnEvent, Saved, Started
from .restore import Placement, fetch_checkpoint
from .sampling import sample_like_microgpt, sample_texts
from .validation import Validation

SAMPLES = 20
"""Texts drawn at the end of a run."""


def describe_start(
    device: Device, run: Run, dataset: Dataset, plan: Plan, placement: Placement
) -> Started:
    """The event that begins or takes up a run."""
    shape = run.config.shape
    return Started(
        run=run.path,
        data=dataset.path,
        documents=len(dataset.documents),
        device=device.description,
        n_layer=shape.n_layer,
        n_embd=shape.n_embd,
        n_head=shape.n_head,
        block_size=shape.block_size,
        vocab_size=shape.vocab_size,
        parameters=plan.parameters,
        memory_bytes=plan.total_bytes,
        memory_available_bytes=plan.available_bytes,
        step=placement.step,
        total_steps=run.config.recipe.total_steps,
        source=placement.source,
        held_out=run.config.held_out,
    )


async def save_run(device: Device, run: Run, dataset: Dataset, step: int, emit: OnEvent) -> str:
    """Keeps an idle device's state in the run folder; it has saved itself to its flash.

    Returns the digest of the weights.
    """
    checkpoint = await fetch_checkpoint(device, step, run.config.shape)
    digest = run.write_checkpoint(checkpoint, dataset.vocabulary.characters)
    emit(Saved(step, on_device=(await device.status()).saved_step == step))
    return digest


async def finish_run(
    device: Device, run: Run, dataset: Dataset, elapsed_s: float | None, emit: OnEvent
) -> None:
    """Completes the folder of a run whose last step is done."""
    step = run.config.recipe.total_steps
    await Validation(run, dataset, emit).after(device, step)
    digest = await save_run(device, run, dataset, step, emit)
    texts = await _last_samples(device, run, dataset)
    run.write_samples(texts)
    run.write_plot(loss_png(run.metrics.losses, run.metrics.val_losses, run.path.name))
    emit(
        Finished(
            run=run.path,
            step=step,
            loss=run.metrics.losses[-1],
            elapsed_s=elapsed_s,
            weights_sha256=digest,
            samples=texts,
            val_loss=run.metrics.val_losses.get(step),
        )
    )


async def _last_samples(device: Device, run: Run, dataset: Dataset) -> list[str]:
    config = run.config
    if config.init is not Init.MICROGPT:
        return [text.text async for text in sample_texts(device, SAMPLES, seed=config.seed)]
    generator = MicrogptRandom(config.seed)
    generator.shuffle(dataset.documents)
    generator.weights(tensor_shapes(config.shape))
    return await sample_like_microgpt(
        device, SAMPLES, dataset.vocabulary, config.shape.block_size, generator
    )
