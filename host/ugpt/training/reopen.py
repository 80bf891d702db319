"""Takes up a run that was begun earlier: its folder and the text it began with."""

from __future__ import annotations

from pathlib import Path

from ..data.dataset import Dataset
from ..data.errors import DataError
from ..runs.errors import RunError
from ..runs.folder import Run


def load_dataset(run: Run, moved_to: Path | None, name_it: str) -> Dataset:
    """The data set of `run`, from `moved_to` if the file has moved.

    `name_it` is the command that names the file. Raises DataError if it cannot be read, RunError
    if it is another text than the run began with.
    """
    try:
        dataset = Dataset.load(moved_to or run.config.data)
    except DataError as error:
        advice = error.advice if moved_to else f"If the file moved, name it: {name_it}"
        raise DataError(error.message, advice) from None
    if dataset.sha256 != run.config.data_sha256:
        raise RunError(
            f"{dataset.path} is not the text this run began with.",
            f"Restore the file, or name it: {name_it}",
        )
    return dataset
