"""A whole training run as one call."""

from __future__ import annotations

from pathlib import Path

from ..data.dataset import Dataset
from ..device.followed_target import FollowedTarget
from ..device.target import Target
from ..rpc.messages import MomentFormat, Schedule, Shape
from ..runs.config import Init
from ..runs.folder import Run
from .events import Event, OnEvent
from .new_run import new_run
from .recipe import evaluation, recipe, save_period
from .session import Session
from .trainer import Training


def _ignore(event: Event) -> None:
    """What happens is of no interest."""


async def train(
    data: Dataset | Path | str,
    target: Target | None = None,
    *,
    path: Path | None = None,
    on_event: OnEvent = _ignore,
    seed: int = 42,
    init: Init = Init.DEVICE,
    n_layer: int = 1,
    n_embd: int = 16,
    n_head: int = 4,
    block_size: int = 16,
    steps: int = 1000,
    learning_rate: float = 0.01,
    batch: int = 1,
    schedule: Schedule = Schedule.LINEAR,
    warmup: int = 0,
    weight_decay: float = 0.0,
    clip: float = 0.0,
    moments: MomentFormat = MomentFormat.F32,
    recompute: bool = False,
    holdout: str | None = None,
    eval_every: int | None = None,
    eval_documents: int | None = None,
    save_every: str = "1m",
    overwrite: bool = False,
) -> Run:
    """Trains a new model to its last step, as `ugpt train` does with the options of these names.

    `data` is a text file of one document a line. `target` is the device, by default the one that is
    plugged in, or else the virtual device. `path` is the folder of the run, by default a new one in
    runs/. `on_event` hears of everything that happens, as values of `ugpt.events`. `overwrite`
    allows to lose what is on the device and nowhere else; without it, WouldOverwrite is raised.

    Returns the run, with all losses in its `metrics`. Raises UgptError if the run cannot be brought
    to its end. If it is cancelled, `ugpt train --resume` goes on with it.
    """
    dataset = data if isinstance(data, Dataset) else Dataset.load(Path(data))
    run = new_run(
        dataset,
        Shape(n_layer, n_embd, n_head, block_size, dataset.vocabulary.size),
        recipe(
            learning_rate=learning_rate,
            steps=steps,
            batch=batch,
            schedule=schedule,
            warmup=warmup,
            weight_decay=weight_decay,
            clip=clip,
            moments=moments,
            recompute=recompute,
        ),
        path=path,
        seed=seed,
        init=init,
        save_every=save_period(save_every),
        evaluation=evaluation(holdout, eval_every, eval_documents, len(dataset.documents), steps),
    )
    connect = FollowedTarget(target or Target()).connect
    session = Session(run, dataset, on_event, may_overwrite=overwrite)
    await Training(connect, session).run()
    return run
