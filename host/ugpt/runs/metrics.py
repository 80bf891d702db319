"""metrics.jsonl of a run folder: the losses of a run, one object a step."""

from __future__ import annotations

import io
import json
import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from .errors import DiskFull
from .files import append_whole, read_file, size_of, write_atomically

STEPS_MAX = 2**24
"""The most steps of a run."""

_MOST_BYTES = 2**32  # of which a run of the most steps needs a half
_LINE_BYTES = 4096  # of an entry, many times what one takes
_END = b"}\n"


class Metrics:
    """metrics.jsonl: the loss of every step so far that is known, in order.

    There is a gap where a board that trained by itself no longer held the losses, and where the
    file was damaged. A file that cannot be written for lack of room is written later: what is
    recorded meanwhile is kept in memory. Entries that somebody removes from the file while it is
    open are put back before more is written.
    """

    def __init__(
        self,
        path: Path,
        losses: array[float],
        val_losses: dict[int, float],
        may_write: Callable[[], None] = lambda: None,
        tokens: Sequence[int] = (),
        size_bytes: int = 0,
    ) -> None:
        """`may_write` raises RunError if the path no longer leads to the file of the run.

        `tokens` are those of each step, 0 where that is not known; `size_bytes` is that of the file
        that all this was read from.
        """
        self._path = path
        self._may_write = may_write
        self.losses = losses
        """float32 loss of step i + 1 at index i; not a number if it is not known."""
        self.val_losses = val_losses
        """Validation loss by the number of steps completed."""
        self.damaged = False
        """Whether something in the file is no entry: what was lost there is not known."""
        self._tokens = array("I", tokens)
        self._size_bytes = size_bytes
        self._written = len(losses)
        """Steps up to this one have their entries in the file, if they have any."""
        self._told_missing = 0
        self._restored = 0
        self._unwritten = b""
        self._replaced_bytes = 0
        """How much of the end of the file `_unwritten` takes the place of."""

    @classmethod
    def open(cls, path: Path, may_write: Callable[[], None] = lambda: None) -> Self:
        """Reads what is there. Lines that are no entries, such as a torn one, are left out.

        The file stays as it is until something is recorded.
        """
        content = read_file(path, _MOST_BYTES) or b""
        losses, tokens = array("f"), array("I")
        val_losses: dict[int, float] = {}
        known = 0
        for entry in entries(content):
            _skip(losses, tokens, entry.step - 1)
            losses.append(entry.loss)
            tokens.append(entry.tokens)
            if entry.val_loss is not None:
                val_losses[entry.step] = entry.val_loss
            known += 1
        metrics = cls(path, losses, val_losses, may_write, tokens, len(content))
        metrics.damaged = content[-1:] not in (b"", b"\n") or known != content.count(b"\n")
        return metrics

    @property
    def step(self) -> int:
        """The last step whose loss is recorded, or was given up."""
        return len(self.losses)

    @property
    def is_written(self) -> bool:
        """Whether the file has all that is recorded."""
        return not self._unwritten

    def give_up(self, step: int) -> None:
        """Leaves out the losses up to `step` that are not recorded yet."""
        _skip(self.losses, self._tokens, step)

    def newly_missing(self) -> int:
        """How many of the steps have no loss; 0 if that is no news since the last call."""
        missing = sum(map(math.isnan, self.losses))
        news = missing if missing != self._told_missing else 0
        self._told_missing = missing
        return news

    def newly_restored(self) -> int:
        """How many entries were put back into the file since the last call."""
        news, self._restored = self._restored, 0
        return news

    def record(self, first: int, losses: Sequence[float], tokens: Sequence[int]) -> int | None:
        """Appends the losses of steps `first`.. (1-based), each with its number of tokens.

        A loss that is no number is not known, and leaves a gap.
        Steps that are recorded already are compared: if one differs, the file is rewritten from
        there on, and that step is returned; one that was given up stays so. Raises RunError,
        leaving the file as it was, if it cannot be written; after DiskFull all is kept in memory
        until there is room.
        """
        if first > self.step + 1:
            raise ValueError(f"step {first} after step {self.step} leaves a gap")
        known = self.losses[first - 1 : first - 1 + len(losses)]
        differing = next((i for i, loss in enumerate(known) if _differ(loss, losses[i])), None)
        changed = None
        if differing is not None:
            changed = first + differing
            self._cut(changed)
        new = self.step + 1 - first
        if new < len(losses):
            self._append(first + new, losses[new:], tokens[new:])
        return changed

    def cut_after(self, step: int) -> None:
        """Drops the entries of later steps."""
        if step < self.step:
            self._cut(step + 1)

    def cut_at_gap(self, step: int) -> None:
        """Drops the entries behind the first gap from `step` on, all of which come again.

        Entries ahead of a gap would keep those that are missing from being recorded.
        """
        gaps = (at for at in range(step, self.step + 1) if math.isnan(self.losses[at - 1]))
        self.cut_after(next(gaps, self.step + 1) - 1)

    def record_validation(self, val_loss: float) -> None:
        """Adds the validation loss to the entry of the last step.

        Raises RunError, leaving the file as it was, if it cannot be written; after DiskFull it is
        kept in memory until there is room.
        """
        added = f', "val_loss": {json.dumps(val_loss)}'.encode() + _END
        replaced_bytes = self._replaced_bytes if self._unwritten else len(_END)
        try:
            self._write(self._unwritten.removesuffix(_END) + added, replaced_bytes)
        except DiskFull:
            self.val_losses[self.step] = val_loss
            raise
        self.val_losses[self.step] = val_loss

    def flush(self) -> None:
        """Writes what there was no room for, and what somebody has taken out of the file.

        Raises RunError, DiskFull if there is no room yet.
        """
        if not self._unwritten and size_of(self._path) == self._size_bytes:
            return
        self._may_write()
        self._mend()
        if not self._unwritten:
            return
        # Only the end of the last line is replaced: if it is torn, it is left out when it is read.
        append_whole(self._path, self._unwritten, replaced_bytes=self._replaced_bytes)
        self._size_bytes += len(self._unwritten) - self._replaced_bytes
        self._unwritten, self._replaced_bytes = b"", 0
        self._written = len(self.losses)

    @contextmanager
    def flushed(self) -> Iterator[None]:
        """Writes what there was no room for; a block that needs less room goes on in any case.

        Raises RunError, and DiskFull behind the block if there is no room for the losses yet.
        """
        no_room: DiskFull | None = None
        try:
            self.flush()
        except DiskFull as error:
            no_room = error
        yield
        if no_room is not None:
            raise no_room

    def _append(self, first: int, losses: Sequence[float], tokens: Sequence[int]) -> None:
        lines = [
            _line(first + i, loss, count)
            for i, (loss, count) in enumerate(zip(losses, tokens, strict=True))
            if not math.isnan(loss)
        ]
        try:
            self._write(self._unwritten + b"".join(lines), self._replaced_bytes)
        except DiskFull:
            self._extend(losses, tokens)
            raise
        self._extend(losses, tokens)
        self._written = len(self.losses)

    def _extend(self, losses: Sequence[float], tokens: Sequence[int]) -> None:
        self.losses.extend(losses)
        self._tokens.extend(tokens)

    def _write(self, content: bytes, replaced_bytes: int) -> None:
        """Writes `content`, which begins with what there was no room for.

        After DiskFull it is kept in memory; after another error all is as before.
        """
        before = self._unwritten, self._replaced_bytes
        self._unwritten, self._replaced_bytes = content, replaced_bytes
        try:
            self.flush()
        except DiskFull:
            raise
        except BaseException:
            self._unwritten, self._replaced_bytes = before
            raise

    def _cut(self, step: int) -> None:
        """Drops the entries of `step` and later."""
        self._may_write()
        self.flush()
        self._rewrite(step - 1)
        del self.losses[step - 1 :], self._tokens[step - 1 :]
        self._written = len(self.losses)
        self.val_losses = {at: loss for at, loss in self.val_losses.items() if at < step}

    def _mend(self) -> None:
        """Takes out of the file what is no entry, before more is written behind it, and puts back
        what it had."""
        if self.damaged:
            self._rewrite(STEPS_MAX)
            self.damaged = False
        elif size_of(self._path) != self._size_bytes:
            self._restore()

    def _rewrite(self, last_step: int) -> None:
        content = read_file(self._path, _MOST_BYTES) or b""
        self._replace([entry.line for entry in entries(content) if entry.step <= last_step])

    def _restore(self) -> None:
        content = read_file(self._path, _MOST_BYTES) or b""
        left = {entry.step: entry for entry in entries(content)}
        lines = []
        for step, loss in enumerate(self.losses[: self._written], start=1):
            if step in left and left[step].loss == loss:
                lines.append(left[step].line)
            elif not math.isnan(loss):
                # The end of the last line is yet to be replaced by its validation loss.
                waits = self._replaced_bytes and step == self._written
                val_loss = None if waits else self.val_losses.get(step)
                lines.append(_line(step, loss, self._tokens[step - 1], val_loss))
                self._restored += 1
        self._replace(lines)

    def _replace(self, lines: Sequence[bytes]) -> None:
        content = b"".join(lines)
        write_atomically(self._path, content)
        self._size_bytes = len(content)


class Entry(NamedTuple):
    """A line of the file."""

    step: int
    loss: float
    tokens: int
    """0 if it is not known."""
    val_loss: float | None
    line: bytes


def entries(content: bytes) -> Iterator[Entry]:
    """The entries in ascending order of their steps.

    One whose step is beyond that of the next is damaged: it would hide all that follow.
    """
    last, ahead = 0, None
    for line in io.BytesIO(content):
        entry = _parse(line)
        if entry is None or entry.step <= last:
            continue
        if ahead is not None and ahead.step < entry.step:
            yield ahead
            last = ahead.step
        ahead = entry
    if ahead is not None:
        yield ahead


def _parse(line: bytes) -> Entry | None:
    """None for a line that is no entry, or is torn."""
    if len(line) > _LINE_BYTES or not line.endswith(b"\n"):
        return None
    try:
        values = json.loads(line)
        step, loss, val_loss = values["step"], values["loss"], values.get("val_loss")
        if type(step) is not int or not 0 < step <= STEPS_MAX:
            return None
        (loss,) = array("f", [loss])
        tokens = values.get("tokens", 0)
        if type(tokens) is not int or not 0 <= tokens < 2**32:
            tokens = 0
        return Entry(step, loss, tokens, None if val_loss is None else float(val_loss), line)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None


def _differ(one: float, other: float) -> bool:
    """Whether two losses of a step, both known, are not the same."""
    return one != other and not math.isnan(one) and not math.isnan(other)


def _skip(losses: array[float], tokens: array[int], step: int) -> None:
    losses.extend([math.nan] * (step - len(losses)))
    tokens.extend([0] * (step - len(tokens)))


def _line(step: int, loss: float, tokens: int, val_loss: float | None = None) -> bytes:
    # repr gives the float32 exactly: a shortest float32 text would read back as another double.
    values = f'"step": {step}, "loss": {loss!r}'
    if tokens:
        values += f', "tokens": {tokens}'
    if val_loss is not None:
        values += f', "val_loss": {json.dumps(val_loss)}'
    return f"{{{values}}}\n".encode()
