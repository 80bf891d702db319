"""The folder of a training run: what it was, what it gave, and all that is needed to go on.

    input.txt               the text, if it came from standard input
    config.toml             what decides the weights, and where they came to be
    metrics.jsonl           one object a step: step (1-based), loss, tokens; val_loss if the
                            model was evaluated after it
    rounds.jsonl            what each round has cost, if several workers are averaged
    checkpoint.safetensors  weights and moments by name; step and configuration as metadata
    checkpoint-STEP.safetensors  the same of earlier steps, if the run keeps several
    parent.safetensors      the checkpoint of another run that this one began from
    weights.sha256          digest of all weights as little-endian float32 in canonical order
    samples.txt             texts drawn from the trained model, one a line; if they have line ends,
                            a line of = stands before the first text and behind each one
    loss.png                the loss curve

Every file is written whole or not at all, except metrics.jsonl, to which whole lines are appended.
"""

from __future__ import annotations

import datetime
import errno
import itertools
import os
import shutil
import tempfile
import unicodedata
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from ..rpc.messages import Recipe
from ..wording import command, update_command
from .checkpoint import (
    Checkpoint,
    encode_checkpoint,
    peek_checkpoint,
    read_checkpoint,
    weights_digest,
)
from .config import NewerFormat, RunConfig
from .errors import DamagedCheckpoint, NewerRun, NoRun, RunError
from .files import exists, is_no_folder, read_file, write_atomically, write_error
from .identity import Identity
from .kept_checkpoints import NEWEST, checkpoint_file, drop_after, drop_older, keep_newest
from .lock import FolderLock
from .metrics import STEPS_MAX, Metrics
from .naming import CONFIG_FILE, DIGEST_FILE, HOME, METRICS_FILE, holds_run
from .samples import format_samples, parse_samples

# File systems take 255 bytes, of which a date, a time and a number need 20.
_NAME_BYTES = 200
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR}
_PARENT = "parent.safetensors"
_PARENT_ADVICE = "Restore it from a copy: the run cannot begin without it."
_CONFIG_MAX_BYTES = 2**24
_REASON_LENGTH = 200
_SAMPLES = "samples.txt"
_SAMPLES_MAX_BYTES = 2**24


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
        parent: Checkpoint | None = None,
        numbered: bool = False,
    ) -> None:
        """With `numbered`, a name that is taken when the folder is made gets a number."""
        self.path = path
        self.config = config
        self.metrics = metrics
        self.exists = exists
        """Whether its folder has been made."""
        self._standard_input = standard_input
        self._parent = parent
        self._numbered = numbered
        self._lock: FolderLock | None = None
        self._alone = False

    @classmethod
    def new(
        cls,
        path: Path,
        config: RunConfig,
        standard_input: bytes | None = None,
        *,
        parent: Checkpoint | None = None,
        numbered: bool = False,
    ) -> Self:
        """A run whose folder `begin` will make.

        `standard_input` is the text that came from there, which the folder keeps, as it does the
        checkpoint of the parent. With `numbered`, a path that is taken by then gets a number;
        otherwise RunError is raised. So it is if a path is none that can be written down.
        """
        require_utf8(path)
        for file in (config.data, *(read.path for read in config.files)):
            require_utf8(file)
        if config.parent is not None:
            require_utf8(Path(config.parent.path))
        if not numbered:
            require_absent(path)
        metrics = Metrics(path / METRICS_FILE, array("f"), {})
        return cls(
            path,
            config,
            metrics,
            standard_input=standard_input,
            parent=parent,
            numbered=numbered,
        )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within the block no other program writes to the folder. Raises RunError if one does now.

        What others have written to it since it was opened is taken in.
        """
        self._alone = True
        try:
            if self.exists:
                self._take_lock()
                self.config = read_config(self.path)
                self.metrics = Metrics.open(self.path / METRICS_FILE, self.require_place)
            yield
        finally:
            self._alone = False
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def require_place(self) -> None:
        """Raises RunError if another folder, or none, has taken the place of this run's by now."""
        if self._lock is not None:
            self._lock.require()

    def _write(self, name: str, content: bytes) -> None:
        """Replaces a file of the folder. Raises RunError."""
        self.require_place()
        write_atomically(self.path / name, content)

    def _take_lock(self) -> None:
        lock = FolderLock(self.path)
        lock.acquire()
        self._lock = lock

    def begin(self, device: str, identity: Identity | None = None) -> None:
        """Makes the folder of a new run, on `device`; does nothing for one that exists.

        Raises RunError, leaving no folder, if it cannot be made.
        """
        if self.exists:
            return
        self.config = replace(self.config, device=device, identity=identity)
        contents = {CONFIG_FILE: self.config.to_toml().encode()}
        if self._standard_input is not None:
            contents[self.input_file.name] = self._standard_input
        if self._parent is not None and self.config.parent is not None:
            contents[_PARENT] = encode_checkpoint(
                self._parent, self.config.parent.shape, self._parent.vocabulary, None
            )
        self._make_folder(contents)
        try:
            if self._alone:
                self._take_lock()
        except RunError:
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        self._standard_input = self._parent = None
        self.exists = True

    def _make_folder(self, contents: Mapping[str, bytes]) -> None:
        """Raises RunError if something is in the way that a number does not avoid."""
        base, number = self.path, 1
        while exists(self.path) or not make_folder(self.path, contents):
            if not self._numbered:
                require_absent(self.path)
            number += 1
            self.path = base.with_name(f"{base.name}-{number}")
        self.metrics = Metrics(self.path / METRICS_FILE, array("f"), {}, self.require_place)

    def move_to(self, device: str, identity: Identity) -> None:
        """Writes down that the run belongs to another device from now on."""
        self.config = replace(self.config, device=device, identity=identity)
        self._write(CONFIG_FILE, self.config.to_toml().encode())

    def extend(self, after: int, recipe: Recipe) -> None:
        """Writes down that from `after` completed steps on it is a run of that recipe.

        Losses and kept checkpoints of later steps, which belong to the plan before, are dropped.
        """
        self.metrics.cut_after(after)
        self.config = self.config.extended(after, recipe)
        self._write(CONFIG_FILE, self.config.to_toml().encode())
        drop_after(self.path, after)

    @property
    def saved_step(self) -> int | None:
        """Of the newest checkpoint. Raises DamagedCheckpoint."""
        return peek_checkpoint(self.path / NEWEST)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens an existing folder to resume it. Raises RunError if it is none."""
        run = cls(path, read_config(path), Metrics.open(path / METRICS_FILE), exists=True)
        if run.input_file.is_symlink():
            raise RunError(
                f"{run.input_file} cannot be read: it is a symbolic link.",
                "Put the text itself in its place.",
            )
        return run

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
        """Replaces checkpoint.safetensors and weights.sha256; returns the digest.

        What was there stays beside it as far as the run keeps several.
        """
        content = encode_checkpoint(checkpoint, self.config.shape, vocabulary, self.config)
        self.require_place()
        if self.config.keep > 1:
            keep_newest(self.path, checkpoint.step)
        self._write(NEWEST, content)
        if self.config.keep > 1:
            every = self.config.save_every.steps
            drop_older(self.path, self.config.keep, self.metrics.val_losses, every)
        digest = weights_digest(checkpoint.weights)
        self._write(DIGEST_FILE, f"{digest}\n".encode())
        return digest

    def read_checkpoint(
        self, matrices: Mapping[str, tuple[int, int]], step: int | None = None
    ) -> Checkpoint | None:
        """The newest checkpoint, or None if there is none yet. Raises DamagedCheckpoint.

        `matrices` holds rows and columns of the parameter matrices in canonical order. With `step`
        it is the checkpoint of that step; RunError names those that there are if it is none of
        them.
        """
        file = checkpoint_file(self.path, step)
        return read_checkpoint(file, matrices, self.config.recipe.total_steps, self.config)

    def require_own_vocabulary(self, checkpoint: Checkpoint) -> None:
        """Raises RunError if a checkpoint has not as many characters as the model of this run."""
        if len(checkpoint.vocabulary) + 1 != self.config.shape.vocab_size:
            raise RunError(
                f"{self.path} is damaged: its checkpoint has the vocabulary of another model.",
                "Restore the folder.",
            )

    def read_parent(self, matrices: Mapping[str, tuple[int, int]]) -> Checkpoint:
        """The checkpoint that this run began from. Raises RunError if it cannot be had."""
        file, parent = self.path / _PARENT, self.config.parent
        try:
            checkpoint = read_checkpoint(file, matrices, STEPS_MAX) if parent else None
        except DamagedCheckpoint as error:
            raise RunError(error.message, _PARENT_ADVICE) from None
        if checkpoint is None or parent is None:
            raise RunError(f"{file} is missing.", _PARENT_ADVICE)
        if weights_digest(checkpoint.weights) != parent.weights_sha256:
            raise RunError(f"{file} holds other weights than the run began with.", _PARENT_ADVICE)
        return checkpoint

    def write_samples(self, texts: Sequence[str], several_lines: bool = False) -> None:
        """Replaces samples.txt; `several_lines` says whether a text may have several."""
        content = format_samples(texts, several_lines)
        self._write(_SAMPLES, content.encode())

    def read_samples(self) -> list[str] | None:
        """The texts of samples.txt; None if there is none. Raises RunError if it is no text."""
        file = self.path / _SAMPLES
        content = read_file(file, _SAMPLES_MAX_BYTES)
        try:
            return None if content is None else parse_samples(content.decode())
        except UnicodeDecodeError:
            raise RunError(f"{file} is no UTF-8 text.", "Restore the file, or remove it.") from None

    def write_plot(self, png: bytes) -> None:
        """Replaces loss.png."""
        self._write("loss.png", png)


def read_config(path: Path) -> RunConfig:
    """Of the run in a folder. Raises NoRun, NewerRun or RunError if it cannot be had."""
    file = path / CONFIG_FILE
    content = None if is_no_folder(path) else read_file(file, _CONFIG_MAX_BYTES)
    if content is None:
        reason = "it is not a folder" if is_no_folder(path) else f"there is no {file.name} in it"
        raise NoRun(
            f"{path} is not a run folder: {reason}.", "Give the folder that `ugpt train` made."
        )
    try:
        return RunConfig.from_toml(content.decode())
    except NewerFormat as error:
        raise NewerRun(
            f"{path} was written by a newer ugpt: it has {error}.",
            f"Update this program: {update_command()}",
        ) from None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise RunError(
            f"{file} is not the configuration of a run: {_one_line(error)}.",
            "Restore the file, or start a new run.",
        ) from None


def _one_line(error: Exception) -> str:
    """What is wrong, short: the values come from the file."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _REASON_LENGTH else f"{text[:_REASON_LENGTH]}..."


def make_folder(path: Path, contents: Mapping[str, bytes]) -> bool:
    """Makes a folder with these files, or none: a kill never leaves one without them.

    False if something else has taken the path meanwhile.
    """
    unfinished: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".ugpt-", dir=path.parent))
        for name, content in contents.items():
            write_atomically(unfinished / name, content)
        unfinished.chmod(0o777 & ~_umask())
        unfinished.rename(path)
    except OSError as error:
        _remove(unfinished)
        if error.errno in _TAKEN and exists(path):
            return False
        raise write_error(path, error) from None
    except RunError as error:
        _remove(unfinished)
        message = error.message.replace(str(unfinished), str(path))
        raise type(error)(message, error.advice) from None
    return True


def _remove(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    """The mode bits that this process does not give to what it makes."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def require_absent(path: Path) -> None:
    """Raises RunError if something is at `path`, which a new run would mix with."""
    if not exists(path):
        return
    advice = "Name another folder."
    if holds_run(path):
        words = ("fleet", "train") if _is_joint(path) else ("train",)
        resume = command(*words, "--resume", path)
        advice = f"Name another folder, or go on with that run: {resume}"
    elif os.path.lexists(path / "sweep.toml"):
        resume = command("sweep", "--resume", path)
        advice = f"Name another folder, or go on with that sweep: {resume}"
    raise RunError(f"{path} exists already.", advice)


def _is_joint(path: Path) -> bool:
    try:
        return read_config(path).joint is not None
    except RunError:
        return False


def require_utf8(path: Path) -> None:
    """The files of a run name it and its data set as text."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise RunError(
            f"The name {str(path)!r} is not UTF-8 text, and the files of a run could not hold it.",
            "Rename the file or the folder.",
        ) from None


def default_path(name: str, now: datetime.datetime) -> Path:
    """A folder under runs/, named after the data set and the time."""
    shown = "".join("_" if _is_awkward(character) else character for character in name)
    return HOME / f"{_cut(shown, _NAME_BYTES)}-{now:%Y%m%d-%H%M%S}"


def _is_awkward(character: str) -> bool:
    """Whether it is no good in a name that people read and type: such as a line break."""
    return unicodedata.category(character)[0] in "CZ" and character != " "


def _cut(text: str, most_bytes: int) -> str:
    """The start of `text`, in whole characters."""
    sizes = itertools.accumulate(len(character.encode()) for character in text)
    return text[: sum(size <= most_bytes for size in sizes)]
