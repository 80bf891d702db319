"""The folder of a sweep: what it was asked to do, its study, its picture, and a run a trial.

sweep.toml     what it was asked to do
study.db       the study, a SQLite file that Optuna's dashboard opens
trial-000/     an ordinary run folder for each trial
boards/        the flash of virtual boards
sweep.png      all curves, and the loss over each value
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..data.dataset import Dataset
from ..data.sources import Sources, recorded_source
from ..runs.errors import RunError
from ..runs.folder import default_path, make_folder, require_absent, require_utf8
from ..runs.lock import FolderLock
from .plan import FILE, SweepPlan

HOME = Path("sweeps")
"""Where new sweeps go."""
PICTURE = "sweep.png"


def new_folder(stem: str) -> Path:
    """One that is named after the text and the time."""
    return HOME / default_path(stem, datetime.datetime.now()).name


def make_sweep_folder(folder: Path, plan: SweepPlan) -> None:
    """Makes it with its plan, or not at all. Raises RunError if something is there already, or it
    cannot be made.
    """
    for path in (folder, *plan.files):
        require_utf8(path)
    require_absent(folder)
    while not make_folder(folder, {FILE: plan.to_toml().encode()}):
        require_absent(folder)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """While nobody else conducts the sweep. Raises RunError if somebody does."""
    lock = FolderLock(folder)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def load_again(plan: SweepPlan, folder: Path) -> Dataset:
    """The text of the plan. Raises DataError, or RunError if it is another by now."""
    sources = Sources(plan.files[0], tuple(recorded_source(file, file) for file in plan.files))
    dataset = Dataset.load(sources, plan.reading, plan.settings.block_size)
    if dataset.sha256 != plan.data_sha256:
        raise RunError(
            f"{dataset.title} is not the text that the sweep in {folder} began with.",
            "Restore the text, or begin a new sweep.",
        )
    return dataset
