"""The checkpoints that a run folder keeps beside the newest one.

checkpoint.safetensors is the newest. When it is replaced, the one before stays as
checkpoint-STEP.safetensors, if the run keeps several.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path

from .checkpoint import peek_checkpoint
from .errors import RunError
from .files import read_file, write_atomically, write_error

NEWEST = "checkpoint.safetensors"
_OLDER = re.compile(r"checkpoint-(\d{1,8})\.safetensors", re.ASCII)
_MOST_BYTES = 2**31


def kept_checkpoints(folder: Path) -> dict[int, Path]:
    """All checkpoints by step, in ascending order. Raises RunError if the newest is damaged."""
    found = older_checkpoints(folder)
    newest = peek_checkpoint(folder / NEWEST)
    if newest is not None:
        found[newest] = folder / NEWEST
    return dict(sorted(found.items()))


def checkpoint_file(folder: Path, step: int | None) -> Path:
    """The file of the newest checkpoint, or that of `step`. Raises RunError if there is none."""
    if step is None:
        return folder / NEWEST
    kept = kept_checkpoints(folder)
    if step not in kept:
        steps = ", ".join(f"{each:,}" for each in kept) or "none"
        raise RunError(
            f"{folder} holds no checkpoint of step {step:,}.", f"Those that it holds: {steps}."
        )
    return kept[step]


def keep_newest(folder: Path, step: int) -> None:
    """Lets the newest checkpoint stay when one of another `step` is about to replace it.

    One that is damaged is not worth it. Raises RunError if that cannot be done.
    """
    newest = folder / NEWEST
    try:
        before = peek_checkpoint(newest)
    except RunError:
        return
    if before is None or before == step:
        return
    kept = folder / f"checkpoint-{before}.safetensors"
    try:
        kept.unlink(missing_ok=True)  # one of that step may be from before the run went back
        os.link(newest, kept, follow_symlinks=False)
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise write_error(kept, error) from None
        # A file system without links.
        write_atomically(kept, read_file(newest, _MOST_BYTES) or b"")


def drop_older(folder: Path, keep: int, val_losses: Mapping[int, float], every: int = 0) -> None:
    """Leaves `keep` checkpoints, the newest among them, and the one with the best validation loss.

    Those that were the best between two that are due `every` so many steps take no place of these.
    What cannot be removed stays.
    """
    older = older_checkpoints(folder)
    newest = peek_checkpoint(folder / NEWEST)
    steps = sorted({*older} | ({newest} if newest is not None else set()))
    best = best_step(steps, val_losses)
    passing = {step for step in val_losses if every and step % every}
    due = [step for step in steps if step == newest or step not in passing]
    for step in older:
        if step not in (best, *due[-keep:]):
            with contextlib.suppress(OSError):
                older[step].unlink()


def drop_after(folder: Path, step: int) -> None:
    """Removes kept checkpoints of later steps. What cannot be removed stays; it is not read."""
    for each, file in older_checkpoints(folder).items():
        if each > step:
            with contextlib.suppress(OSError):
                file.unlink()


def best_step(steps: list[int], val_losses: Mapping[int, float]) -> int | None:
    """The step with the lowest validation loss; the first of equals; None if none is known."""
    known = [step for step in sorted(steps) if math.isfinite(val_losses.get(step, math.nan))]
    return min(known, key=lambda step: val_losses[step], default=None)


def older_checkpoints(folder: Path) -> dict[int, Path]:
    """Those beside the newest one, by step."""
    found = {}
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if (name := _OLDER.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False):
                found[int(name[1])] = folder / entry.name
    return found
