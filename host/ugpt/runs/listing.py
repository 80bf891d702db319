"""All runs of a folder, each in a few facts, without reading any of them whole."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..errors import reason_of
from ..rpc.messages import Shape
from .checkpoint import peek_checkpoint_of
from .config import RunConfig
from .errors import NewerRun, NoRun, RunError
from .folder import read_config
from .glance import Glance, glance, val_loss_at
from .kept_checkpoints import NEWEST
from .lock import is_held
from .naming import CONFIG_FILE, DIGEST_FILE, HOME, METRICS_FILE, folders_in, holds_run, subfolders
from .registry import goes_on_alone


class RunState(StrEnum):
    """What is known of a folder."""

    RUNNING = "running"  # another ugpt writes to it now
    DETACHED = "detached"  # its board goes on by itself, as far as is known
    INTERRUPTED = "interrupted"
    DONE = "done"
    DAMAGED = "damaged"
    NEWER = "newer"  # of a later version of ugpt
    EMPTY = "empty"  # a folder with nothing in it
    FOREIGN = "foreign"  # no run


@dataclass(frozen=True)
class Listed:
    """A folder. What is not known of it is None."""

    path: Path
    state: RunState
    problem: str = ""
    """Why nothing can be done with it, in a sentence."""
    config: RunConfig | None = None
    losses: Glance = field(default_factory=Glance)
    val_loss: float | None = None
    """Of the last evaluation."""
    checkpoint_step: int | None = None
    age_s: float = 0.0
    """Since something was last written to it."""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def shape(self) -> Shape | None:
        return self.config.shape if self.config else None

    @property
    def total_steps(self) -> int | None:
        return self.config.recipe.total_steps if self.config else None


class SortKey(StrEnum):
    """By what a list is sorted."""

    AGE = "age"
    NAME = "name"
    DATA = "data"
    STEPS = "steps"
    LOSS = "loss"
    BEST = "best"
    VAL_LOSS = "val-loss"
    STATE = "state"


def list_runs(folder: Path | None = None) -> list[Listed]:
    """The runs in `folder`, and what else is there; by default those in runs/ and those here.

    Raises RunError if the folder cannot be read.
    """
    if folder is None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return [*map(look_at, _subfolders(HOME)), *map(look_at, folders_in(Path()))]
        return [look_at(path) for path in folders_in(Path())]
    if holds_run(folder):
        return [look_at(folder)]
    try:
        return [look_at(path) for path in _subfolders(folder)]
    except (FileNotFoundError, NotADirectoryError):
        raise NoRun(f"There is no folder {folder}.", "Name the one that holds runs.") from None


def sorted_runs(runs: list[Listed], key: SortKey) -> list[Listed]:
    """What lacks the value comes last. The youngest and the longest come first."""
    order: dict[SortKey, Callable[[Listed], Any]] = {
        SortKey.AGE: lambda run: run.age_s,
        SortKey.NAME: lambda run: run.name,
        SortKey.DATA: lambda run: str(run.config.data) if run.config else None,
        SortKey.STEPS: lambda run: -run.losses.step if run.config else None,
        SortKey.LOSS: lambda run: run.losses.loss,
        SortKey.BEST: lambda run: run.losses.best_loss,
        SortKey.VAL_LOSS: lambda run: run.val_loss,
        SortKey.STATE: lambda run: list(RunState).index(run.state),
    }
    value = order[key]
    known = [run for run in runs if value(run) is not None]
    unknown = [run for run in runs if value(run) is None]
    return [*sorted(known, key=lambda run: (value(run), run.name)), *unknown]


def look_at(path: Path) -> Listed:
    """What a folder is; nothing that is wrong with it is an error."""
    age_s = _age_s(path)
    try:
        config = read_config(path)
    except NoRun:
        return Listed(path, *_no_run(path), age_s=age_s)
    except NewerRun as error:
        return Listed(path, RunState.NEWER, error.message, age_s=age_s)
    except RunError as error:
        return Listed(path, RunState.DAMAGED, error.message, age_s=age_s)
    try:
        losses = glance(path / METRICS_FILE)
        val_loss = _val_loss(path, config, losses.step)
        step = peek_checkpoint_of(config, path / NEWEST)
    except RunError as error:
        return Listed(path, RunState.DAMAGED, error.message, config, age_s=age_s)
    state = _state(path, config, step)
    lost = "" if state is RunState.RUNNING else _lost(path, losses.step, step)
    if lost:
        state = RunState.DAMAGED
    return Listed(path, state, lost, config, losses, val_loss, step, age_s)


def _subfolders(folder: Path) -> list[Path]:
    try:
        return subfolders(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise RunError(
            f"{folder} cannot be read: {reason_of(error)}.", "Check the folder."
        ) from None


def _no_run(path: Path) -> tuple[RunState, str]:
    try:
        with os.scandir(path) as entries:
            is_empty = next(entries, None) is None
    except OSError as error:
        return RunState.DAMAGED, f"{path} cannot be read: {reason_of(error)}."
    if is_empty:
        return RunState.EMPTY, "There is nothing in it."
    return RunState.FOREIGN, f"It is no run: there is no {CONFIG_FILE} in it."


def _lost(path: Path, known_step: int, saved_step: int | None) -> str:
    """What a run has written and what is there no more, in a sentence; empty if nothing."""
    if saved_step and not known_step:
        return f"{path / METRICS_FILE} is missing or holds no losses; the checkpoint is whole."
    if saved_step is None and (path / DIGEST_FILE).is_file():
        return f"{path / NEWEST} is missing."
    return ""


def _state(path: Path, config: RunConfig, checkpoint_step: int | None) -> RunState:
    if is_held(path):
        return RunState.RUNNING
    if checkpoint_step is not None and checkpoint_step >= config.recipe.total_steps:
        return RunState.DONE
    return RunState.DETACHED if goes_on_alone(config.run_id, path) else RunState.INTERRUPTED


def _val_loss(path: Path, config: RunConfig, step: int) -> float | None:
    at = config.last_evaluation(step)
    return val_loss_at(path / METRICS_FILE, at) if at else None


def _age_s(path: Path) -> float:
    for file in (path / METRICS_FILE, path / CONFIG_FILE, path):
        with contextlib.suppress(OSError):
            return max(time.time() - file.lstat().st_mtime, 0.0)
    return 0.0
