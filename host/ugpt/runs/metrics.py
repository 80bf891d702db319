"""metrics.jsonl of a run folder: the losses of a run, one object a step."""

from __future__ import annotations

import json
import math
import os
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from .atomic import write_error
from .errors import RunError

_STEPS_MAX = 2**24  # of the protocol


class Metrics:
    """metrics.jsonl: the loss of every step so far that is known, in order.

    Only a board that trained by itself for long leaves a gap, of losses it no longer held.
    """

    def __init__(self, path: Path, losses: array[float], val_losses: dict[int, float]) -> None:
        self._path = path
        self.losses = losses
        """float32 loss of step i + 1 at index i; not a number if it is not known."""
        self.val_losses = val_losses
        """Validation loss by the number of steps completed."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Reads what is there; a torn last line, left by a crash, is cut off."""
        try:
            content = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise RunError(f"{path} cannot be read ({error.strerror}).") from None
        losses = array("f")
        val_losses: dict[int, float] = {}
        lines = content.split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                entry = json.loads(line)
                if not len(losses) < entry["step"] <= _STEPS_MAX:
                    raise ValueError
                _skip(losses, entry["step"] - 1)
                losses.append(entry["loss"])
                if "val_loss" in entry:
                    val_losses[entry["step"]] = float(entry["val_loss"])
            except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
                raise RunError(
                    f"Line {number} of {path} is not the entry of a step after those before it.",
                    "Cut the file off before that line, then resume the run.",
                ) from None
        metrics = cls(path, losses, val_losses)
        if lines[-1]:
            metrics._truncate(len(content) - len(lines[-1]))
        return metrics

    @property
    def step(self) -> int:
        """The last step whose loss is recorded, or was given up."""
        return len(self.losses)

    def give_up(self, step: int) -> None:
        """Leaves out the losses up to `step` that are not recorded yet."""
        _skip(self.losses, step)

    def record(self, first: int, losses: Sequence[float], tokens: Sequence[int]) -> int | None:
        """Appends the losses of steps `first`.. (1-based), each with its number of tokens.

        Steps that are recorded already are compared: if one differs, the file is rewritten from
        there on, and that step is returned; one that was given up stays so. Raises RunError,
        leaving the file as it was, if it cannot be written.
        """
        if first > self.step + 1:
            raise ValueError(f"step {first} after step {self.step} leaves a gap")
        known = self.losses[first - 1 : first - 1 + len(losses)]
        differing = next(
            (i for i, loss in enumerate(known) if loss != losses[i] and not math.isnan(loss)), None
        )
        changed = None
        if differing is not None:
            changed = first + differing
            self._cut(changed)
        new = self.step + 1 - first
        if new < len(losses):
            self._append(first + new, losses[new:], tokens[new:])
        return changed

    def record_validation(self, val_loss: float) -> None:
        """Adds the validation loss to the entry of the last step.

        Raises RunError, leaving the file as it was, if it cannot be written.
        """
        end = b"}\n"
        try:
            # Only the end of the line is replaced: one that is torn is cut off when it is read.
            with self._path.open("rb+", buffering=0) as file:
                start = file.seek(-len(end), os.SEEK_END)
                data = f', "val_loss": {json.dumps(val_loss)}'.encode() + end
                try:
                    while data:
                        data = data[file.write(data) :]
                except OSError:
                    file.seek(start)
                    file.write(end)
                    file.truncate()
                    raise
        except OSError as error:
            raise write_error(self._path, error) from None
        self.val_losses[self.step] = val_loss

    def _append(self, first: int, losses: Sequence[float], tokens: Sequence[int]) -> None:
        # repr gives the float32 exactly: a shortest float32 text would read back as another double.
        text = "".join(
            f'{{"step": {first + i}, "loss": {loss!r}, "tokens": {count}}}\n'
            for i, (loss, count) in enumerate(zip(losses, tokens, strict=True))
        )
        size = self._path.stat().st_size if self._path.exists() else 0
        try:
            with self._path.open("ab", buffering=0) as file:
                data = text.encode()
                while data:
                    data = data[file.write(data) :]
        except OSError as error:
            if self._path.exists():
                self._truncate(size)
            raise write_error(self._path, error) from None
        self.losses.extend(losses)

    def _cut(self, step: int) -> None:
        """Drops the entries of `step` and later."""
        content = self._path.read_bytes()
        entries = sum(not math.isnan(loss) for loss in self.losses[: step - 1])
        kept = content.split(b"\n", entries)[:entries]
        self._truncate(sum(len(line) + 1 for line in kept))
        del self.losses[step - 1 :]
        self.val_losses = {at: loss for at, loss in self.val_losses.items() if at < step}

    def _truncate(self, size_bytes: int) -> None:
        try:
            os.truncate(self._path, size_bytes)
        except OSError as error:
            raise write_error(self._path, error) from None


def _skip(losses: array[float], step: int) -> None:
    losses.extend([math.nan] * (step - len(losses)))
