"""The folder of a training run: what it was, what it gave, and all that is needed to go on.

    input.txt               the text, if it came from standard input
    config.toml             what decides the weights, and where they came to be
    metrics.jsonl           one object a step: step (1-based), loss, tokens; val_loss if the
                            model was evaluated after it
    checkpoint.safetensors  weights and moments by name; step and configuration as metadata
    weights.sha256          digest of all weights as little-endian float32 in canonical order
    samples.txt             texts drawn from the trained model, one a line; if they have line ends,
                            a line of = stands before the first text and behind each one
    loss.png                the loss curve

Every file is written whole or not at all, except metrics.jsonl, to which whole lines are appended.
"""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from .atomic import write_atomically, write_error
from .checkpoint import Checkpoint, encode_checkpoint, read_checkpoint, weights_digest
from .config import RunConfig
from .errors import RunError
from .metrics import Metrics

_BORDER = 40  # characters of the line between texts


class Run:
    """A run folder: `Run.new(...)` and `begin`, or `Run.open(...)`."""

    def __init__(
        self,
        path: Path,
        config: RunConfig,
        metrics: Metrics,
        *,
        exists: bool = False,
        standard_input: bytes | None = None,
    ) -> None:
        self.path = path
        self.config = config
        self.metrics = metrics
        self._exists = exists
        self._standard_input = standard_input

    @classmethod
    def new(cls, path: Path, config: RunConfig, standard_input: bytes | None = None) -> Self:
        """A run whose folder `begin` will make.

        `standard_input` is the text that came from there, which the folder keeps. Raises RunError
        if something is at `path`, or if a path is none that can be written down.
        """
        require_absent(path)
        _require_utf8(path)
        for file in (config.data, *(read.path for read in config.files)):
            _require_utf8(file)
        metrics = Metrics.open(path / "metrics.jsonl")
        return cls(path, config, metrics, standard_input=standard_input)

    def begin(self, device: str) -> None:
        """Makes the folder of a new run, on `device`; does nothing for one that exists.

        Raises RunError, leaving no folder, if it cannot be made.
        """
        if self._exists:
            return
        require_absent(self.path)
        try:
            self.path.mkdir(parents=True)
        except OSError as error:
            raise write_error(self.path, error) from None
        try:
            if self._standard_input is not None:
                write_atomically(self.input_file, self._standard_input)
                self._standard_input = None
            self.config = replace(self.config, device=device)
            write_atomically(self.path / "config.toml", self.config.to_toml().encode())
        except RunError:
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        self._exists = True

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens an existing folder to resume it. Raises RunError if it is none."""
        file = path / "config.toml"
        try:
            config = RunConfig.from_toml(file.read_text("utf-8"))
        except OSError as error:
            raise RunError(
                f"{path} is not a run folder: {file.name} cannot be read ({error.strerror}).",
                "Give the folder that `ugpt train` made.",
            ) from None
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise RunError(
                f"{file} is not the configuration of a run: {error}.",
                "Restore the file, or start a new run.",
            ) from None
        return cls(path, config, Metrics.open(path / "metrics.jsonl"), exists=True)

    @property
    def input_file(self) -> Path:
        """Where a text from standard input is kept."""
        return self.path / "input.txt"

    @property
    def evaluation_ahead(self) -> int:
        """The step of the first evaluation still to come; a model past it has missed it."""
        step = self.metrics.step
        if self.config.evaluates_after(step) and step not in self.metrics.val_losses:
            return step
        return self.config.next_evaluation(step)

    def write_checkpoint(self, checkpoint: Checkpoint, vocabulary: str) -> str:
        """Replaces checkpoint.safetensors and weights.sha256; returns the digest."""
        content = encode_checkpoint(checkpoint, self.config, vocabulary)
        write_atomically(self.path / "checkpoint.safetensors", content)
        digest = weights_digest(checkpoint.weights)
        write_atomically(self.path / "weights.sha256", f"{digest}\n".encode())
        return digest

    def read_checkpoint(self, matrices: Mapping[str, tuple[int, int]]) -> Checkpoint | None:
        """The newest checkpoint, or None if there is none yet. Raises RunError if it is damaged.

        `matrices` holds rows and columns of the parameter matrices in canonical order.
        """
        file = self.path / "checkpoint.safetensors"
        return read_checkpoint(file, matrices) if file.exists() else None

    def write_samples(self, texts: Sequence[str], several_lines: bool = False) -> None:
        """Replaces samples.txt; `several_lines` says whether a text may have several."""
        border = _border(texts) if several_lines else ""
        content = border + "".join(f"{text}\n{border}" for text in texts)
        write_atomically(self.path / "samples.txt", content.encode())

    def write_plot(self, png: bytes) -> None:
        """Replaces loss.png."""
        write_atomically(self.path / "loss.png", png)


def _border(texts: Sequence[str]) -> str:
    """A line of = that no text holds; the first line of the file tells how long it is."""
    length = _BORDER
    while any("=" * length in text for text in texts):
        length += 1
    return "=" * length + "\n"


def require_absent(path: Path) -> None:
    """Raises RunError if something is at `path`, which a new run would mix with."""
    if path.exists() or path.is_symlink():
        raise RunError(
            f"{path} exists already.",
            f"Name another folder, or go on with that run: ugpt train --resume {path}",
        )


def _require_utf8(path: Path) -> None:
    """The files of a run name it and its data set as text."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise RunError(
            f"The name {str(path)!r} is not UTF-8 text, and the files of a run could not hold it.",
            "Rename the file or the folder.",
        ) from None


def default_path(name: str, now: datetime.datetime) -> Path:
    """A folder under runs/ that does not exist yet, named after the data set and the time."""
    base = Path("runs") / f"{name}-{now:%Y%m%d-%H%M%S}"
    path, number = base, 1
    while path.exists():
        number += 1
        path = base.with_name(f"{base.name}-{number}")
    return path
