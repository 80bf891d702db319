"""Takes up a run that was begun earlier: its folder and the texts it began with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..data.dataset import Dataset
from ..data.errors import DataError
from ..data.reading import ReadFile
from ..data.sources import Source, Sources, find_sources, names_of, recorded_source
from ..runs.errors import RunError
from ..runs.folder import Run
from ..wording import counted


def load_dataset(run: Run, moved_to: Sequence[Path], name_it: str) -> Dataset:
    """The data set of `run`, from `moved_to` if the files have moved.

    `name_it` is the command that names them. Raises DataError if one cannot be read, RunError
    if it is another text than the run began with.
    """
    config = run.config
    began_with = config.files or (ReadFile(config.data, config.data_sha256),)
    try:
        if moved_to:
            sources = find_sources(moved_to, bool(config.reading.column))
        else:
            files = tuple(recorded_source(file.path, run.input_file) for file in began_with)
            _require_files(files)
            sources = Sources(config.data, files)
        dataset = Dataset.load(sources, config.reading, config.shape.block_size)
    except DataError as error:
        what = "the files moved, name them all" if config.files else "the file moved, name it"
        moved = f"If {what}: {name_it}"
        raise DataError(error.message, error.advice if moved_to else moved) from None
    _require_same(dataset, began_with, name_it)
    return dataset


def _require_files(files: Sequence[Source]) -> None:
    """Raises DataError naming all of several files that are missing."""
    missing = [str(file.location) for file in files if not file.location.exists()]
    if len(files) > 1 and missing:
        raise DataError(
            f"{len(missing)} of the {len(files)} files of this run are missing: "
            f"{names_of(missing)}."
        )


def _require_same(dataset: Dataset, began_with: Sequence[ReadFile], name_it: str) -> None:
    if len(dataset.files) != len(began_with):
        raise RunError(
            f"This run began with {_files(len(began_with))}, not {_files(len(dataset.files))}.",
            f"Name {'all of them' if len(began_with) > 1 else 'that one'}: {name_it}",
        )
    changed = [
        source.name
        for source, now, before in zip(
            dataset.sources.files, dataset.files, began_with, strict=True
        )
        if now.sha256 != before.sha256
    ]
    if changed:
        raise RunError(
            f"{names_of(changed)} {'is' if len(changed) == 1 else 'are'} not the text this run "
            "began with.",
            f"Restore the file, or name it: {name_it}"
            if len(began_with) == 1
            else f"Restore the files, or name all of them, in their order: {name_it}",
        )


def _files(count: int) -> str:
    return counted(count, "file")
