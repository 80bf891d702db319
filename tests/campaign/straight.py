"""The run that nothing disturbs: what every other run of the campaign must come to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands import CommandLine, digest, losses
from tests.support.devices import device_process

STEPS = 3000
SAVE_EVERY = 100
OPTIONS = ("--steps", str(STEPS), "--save-every", str(SAVE_EVERY), "--run", "R")


@dataclass(frozen=True)
class Straight:
    """What came of it, and how much there is to disturb."""

    digest: str
    losses: tuple[float, ...]
    duration_s: float
    """Of the host, with its start."""
    flash_bytes: int
    """Written and erased while a host watches."""
    detached_flash_bytes: int
    """The same of a board on its own."""


def measure(folder: Path) -> Straight:
    """Trains twice, with a host and without."""
    watched, detached = folder / "watched", folder / "detached"
    duration_s, flash_bytes = _train(watched)
    _, detached_flash_bytes = _train(detached, "--detach")
    assert digest(watched / "R") == digest(detached / "R")
    return Straight(
        digest(watched / "R"),
        tuple(losses(watched / "R")),
        duration_s,
        flash_bytes,
        detached_flash_bytes,
    )


def _train(folder: Path, *more: str) -> tuple[float, int]:
    folder.mkdir()
    cli, log = CommandLine(folder), folder / "log"
    with device_process(folder / "flash", "--flash-log", str(log)) as (_, port):
        started_s = time.monotonic()
        cli("train", "names", *OPTIONS, "--port", port, *more)
        duration_s = time.monotonic() - started_s
        if more:
            cli("attach", "--run", "R", "--port", port)
    return duration_s, sum(int(line.split()[-1]) for line in log.read_text().splitlines())
