"""A whole training run as one call, with asyncio and without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..data.dataset import Dataset
from ..device.followed_target import FollowedTarget
from ..device.target import Target
from ..rpc.messages import MomentFormat, Schedule, Shape
from ..runs import folder
from ..runs.config import Init
from ..runs.naming import find_folder
from ..training.events import Event, Notice, OnEvent, Step, StepLosses
from ..training.fine_tune import child_shape, describe_mapping, require_same_shape
from ..training.new_run import new_run
from ..training.options import ModelOptions, RecipeOptions
from ..training.recipe import evaluation, save_period
from ..training.stored_model import StoredModel, stored_model
from . import values
from .blocking import blocking
from .conducting import train_to_end
from .run import Run

OnStep = Callable[[Step], None]
"""Hears of each step, once and in order."""


async def atrain(
    data: Dataset | Path | str,
    target: Target | str | None = None,
    *,
    path: Path | str | None = None,
    on_step: OnStep | None = None,
    on_event: OnEvent | None = None,
    seed: int = 42,
    init: Init | str = Init.DEVICE,
    n_layer: int | None = None,
    n_embd: int | None = None,
    n_head: int | None = None,
    block_size: int | None = None,
    steps: int = 1000,
    learning_rate: float = 0.01,
    batch: int = 1,
    schedule: Schedule | str = Schedule.LINEAR,
    warmup: int = 0,
    weight_decay: float = 0.0,
    clip: float = 0.0,
    moments: MomentFormat | str = MomentFormat.F32,
    recompute: bool = False,
    holdout: str | int | None = None,
    eval_every: int | None = None,
    eval_documents: int | None = None,
    save_every: str | int = "1m",
    keep: int = 1,
    parent: Run | Path | str | None = None,
    overwrite: bool = False,
) -> Run:
    """Trains a new model to its last step, as `ugpt train` does with the options of these names.

    `data` is a text file of one document a line. `target` is the device or its port, by default
    the board that is plugged in, or else the virtual device. `path` is the folder of the run, by
    default a new one in runs/. `on_step` hears of each step, with its number and loss; `on_event`
    of everything that happens, as values of `ugpt.events`. `overwrite` permits losing what is on
    the device and nowhere else; without it, WouldOverwrite is raised.

    `parent` is a run whose weights the new one begins with, as `--from` says; the shape is then its
    own. Otherwise `n_layer` is 1, `n_embd` 16, `n_head` 4 and `block_size` 16 by default.

    Raises UgptError if the run cannot be brought to its end. `train` waits for the end, `atrain` is
    awaited. If one is cancelled, `train` interrupted by Ctrl-C, or if `on_step` or `on_event`
    raises, the run is saved after its step first, and `ugpt train --resume` goes on with it.
    """
    dataset = values.dataset(data)
    begun_from = _stored(parent)
    chosen = {"n_layer": n_layer, "n_embd": n_embd, "n_head": n_head, "block_size": block_size}
    wanted = {
        "steps": steps,
        "learning_rate": learning_rate,
        "batch": batch,
        "schedule": schedule,
        "warmup": warmup,
        "weight_decay": weight_decay,
        "clip": clip,
        "moments": moments,
        "recompute": recompute,
    }
    recipe = RecipeOptions(**values.options(RecipeOptions, wanted)).recipe()
    run = new_run(
        dataset,
        _shape(values.options(ModelOptions, chosen), dataset.vocabulary.size, begun_from),
        recipe,
        path=None if path is None else Path(path),
        seed=values.whole("seed", seed),
        init=values.choice(Init, "init", init),
        save_every=save_period(str(save_every)),
        evaluation=evaluation(
            None if holdout is None else str(holdout),
            values.optional_whole("eval_every", eval_every),
            values.optional_whole("eval_documents", eval_documents),
            len(dataset.documents),
            recipe.total_steps,
        ),
        keep=values.whole("keep", keep),
        parent=begun_from,
    )
    device = target if isinstance(target, Target) else Target(target)
    hear = _listener(on_step, on_event)
    for remark in describe_mapping(begun_from, dataset.vocabulary) if begun_from else ():
        hear(Notice(remark))
    await train_to_end(FollowedTarget(device).connect, run, dataset, hear, overwrite)
    return Run(run)


train = blocking(atrain)


def _stored(parent: Run | Path | str | None) -> StoredModel | None:
    if parent is None:
        return None
    path = parent.path if isinstance(parent, Run) else parent
    return stored_model(folder.Run.open(find_folder(path)))


def _shape(chosen: Mapping[str, int], vocab_size: int, parent: StoredModel | None) -> Shape:
    """That of `parent`, from which `chosen` may not differ, or of the numbers that are chosen."""
    if parent:
        require_same_shape(parent, chosen)
        return child_shape(parent, vocab_size)
    return ModelOptions(**chosen).shape(vocab_size)


def _listener(on_step: OnStep | None, on_event: OnEvent | None) -> OnEvent:
    """Tells each of them what it wants to hear."""

    def hear(event: Event) -> None:
        if on_event is not None:
            on_event(event)
        if on_step is not None and isinstance(event, StepLosses):
            for step in event.steps():
                on_step(step)

    return hear
