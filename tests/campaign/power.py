"""Boards whose power fails, at any moment or at any byte that they write to their flash."""

from __future__ import annotations

import asyncio
import subprocess
import time

import ugpt
from ugpt.errors import UgptError

from .board import Board, board
from .disturbed import TIMEOUT_S, DisturbedRun, wait
from .trials import Outcome, Trial

CUTS = 3
STATUS_TIMEOUT_S = 20.0
_ALONE_SHARE = 0.2
"""Of the time of a host: a board on its own needs no Python, and is done sooner."""


def killed(trial: Trial) -> Outcome:
    """The power fails up to three times while a host watches, or while the board is on its own."""
    chance, moments = trial.chance, trial.chance.randint(1, CUTS)
    delays_s = [chance.uniform(0.0, trial.straight.duration_s) for _ in range(moments)]
    with board(trial.folder / "flash", []) as target:
        run = DisturbedRun(trial.folder, trial.straight, "--port", target.port)
        if chance.random() < 0.5:
            return _watched(run, target, delays_s)
        return _detached(run, target, delays_s)


def cut(trial: Trial) -> Outcome:
    """As `killed`, but the power fails after a number of bytes written, up to three times."""
    chance, detached = trial.chance, trial.chance.random() < 0.5
    straight = trial.straight
    most = straight.detached_flash_bytes if detached else straight.flash_bytes
    cuts = [chance.randint(1, most) for _ in range(chance.randint(1, CUTS))]
    with board(trial.folder / "flash", cuts) as target:
        run = DisturbedRun(trial.folder, trial.straight, "--port", target.port)
        return _detached(run, target, []) if detached else _watched(run, target, [])


def _watched(run: DisturbedRun, target: Board, delays_s: list[float]) -> Outcome:
    """The host waits for the board and ends the run by itself."""
    with run.host() as process:
        for delay_s in delays_s:
            wait(process, delay_s)
            target.cut_power()
        status = wait(process, TIMEOUT_S)
    # The host gives up a board that is cut again and again without a step in between.
    if status != 0:
        return run.finish()
    return run.outcome(finished=True)


def _detached(run: DisturbedRun, target: Board, delays_s: list[float]) -> Outcome:
    """What the board itself calls saved must be there after each start."""
    with run.host("--detach") as process:
        status = wait(process, TIMEOUT_S)
    if status != 0:
        with run.host("--detach") as process:
            status = wait(process, TIMEOUT_S)
    for delay_s in delays_s:
        time.sleep(delay_s * _ALONE_SHARE)
        saved = _saved_step(target)
        target.cut_power()
        run.require_kept(saved, "the board", _saved_step(target))
    attach = ("attach", "--run", "R", "--port", target.port)
    with run.cli.running(*attach, stdout=subprocess.DEVNULL) as process:
        status = wait(process, TIMEOUT_S)
    return run.outcome(finished=status == 0)


def _saved_step(target: Board) -> int:
    """What the board says of itself; it may be starting just now."""

    async def ask() -> int:
        async with asyncio.timeout(STATUS_TIMEOUT_S):
            while True:
                try:
                    async with ugpt.connect(target.port) as device:
                        return (await device.status()).saved_step
                except UgptError:
                    await asyncio.sleep(0)

    return asyncio.run(ask())
