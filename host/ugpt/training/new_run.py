"""Begins a run: its configuration and where its folder will be."""

from __future__ import annotations

import datetime
import secrets
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from ..data.dataset import Dataset
from ..errors import InvalidValue
from ..rpc.messages import Recipe, Shape
from ..runs.config import Init, Joint, RunConfig
from ..runs.folder import Run, default_path
from ..runs.save_period import EVERY_MINUTE, SavePeriod
from .fine_tune import parent_of
from .fit import check_shape
from .recipe import NO_EVALUATION, EvaluationPlan
from .stored_model import StoredModel


def new_run(
    dataset: Dataset,
    shape: Shape,
    recipe: Recipe,
    *,
    path: Path | None = None,
    seed: int = 42,
    init: Init = Init.DEVICE,
    save_every: SavePeriod = EVERY_MINUTE,
    evaluation: EvaluationPlan = NO_EVALUATION,
    keep: int = 1,
    parent: StoredModel | None = None,
    joint: Joint | None = None,
) -> Run:
    """A run whose folder is made once a device has taken the model.

    `path` is that folder, by default a new one in runs/. It keeps the newest `keep` checkpoints.
    With `parent` it begins with those weights, which `shape` must fit: see `child_shape`. Raises
    InvalidValue for values that cannot be, RunError if something is at `path` already.
    """
    check_shape(shape)
    if parent and init is not Init.DEVICE:
        raise InvalidValue(
            f"The weights come from {parent.origin.name}, so init={init} cannot go with it.",
            "Leave it out.",
        )
    config = RunConfig(
        data=dataset.path,
        data_sha256=dataset.sha256,
        shape=shape,
        recipe=recipe,
        seed=seed,
        init=init,
        save_every=save_every,
        run_id=1 + secrets.randbelow(2**32 - 1),
        device="",
        ugpt=version("ugpt-esp32"),
        validation_documents=evaluation.validation_documents,
        eval_every=evaluation.eval_every,
        eval_documents=evaluation.eval_documents,
        reading=dataset.reading,
        files=dataset.files if len(dataset.files) > 1 else (),
        changes=dataset.changes,
        keep=keep,
        parent=parent_of(parent) if parent else None,
        joint=joint,
    )
    try:
        config.require_sense()
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"{error}.") from None
    return Run.new(
        path or default_path(dataset.sources.stem, datetime.datetime.now()),
        config,
        dataset.standard_input,
        parent=replace(parent.checkpoint, vocabulary=parent.vocabulary) if parent else None,
        numbered=path is None,
    )
