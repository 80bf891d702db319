"""Disks that are full for a while."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .disturbed import TIMEOUT_S, DisturbedRun, wait
from .trials import Outcome, Trial

DISK_BYTES = 4 * 2**20
FREE_MOST_BYTES = 300_000
_BLOCK = bytes(4096)


def missing() -> str:
    """Only root may mount a disk of a few megabytes."""
    return "" if sys.platform == "linux" and os.geteuid() == 0 else "Linux and root"


def full(trial: Trial) -> Outcome:
    """The disk of the run folder, and in half of the trials of the flash, is full for a while."""
    chance, duration_s = trial.chance, trial.straight.duration_s
    disk = trial.folder / "disk"
    disk.mkdir()
    with small_disk(disk):
        run = DisturbedRun(disk, trial.straight)
        if chance.random() < 0.5:
            # A disk of the memory's: the flash is kept there, and is not full.
            (disk / "state").symlink_to(trial.folder)
        with run.host() as process:
            wait(process, chance.uniform(0.0, duration_s))
            fill(disk / "filler", chance.randint(0, FREE_MOST_BYTES))
            wait(process, chance.uniform(0.0, duration_s))
            if chance.random() < 0.5:
                (disk / "filler").unlink()
            wait(process, TIMEOUT_S)
        (disk / "filler").unlink(missing_ok=True)
        return run.finish()


def fill(file: Path, left_bytes: int) -> None:
    """Leaves so much of the disk."""
    try:
        with file.open("wb", buffering=0) as filler:
            while shutil.disk_usage(file.parent).free > left_bytes:
                filler.write(_BLOCK)
    except OSError:
        return  # somebody else was faster


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    size = f"size={DISK_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
