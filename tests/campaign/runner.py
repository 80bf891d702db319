"""Runs the trials of one kind for some time, a few at once."""

from __future__ import annotations

import random
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

from tests.support.processes import end, left_running

from .kinds import KINDS
from .straight import Straight
from .trials import Kind, Outcome, Trial

OnOutcome = Callable[[int, Outcome], None]
"""Called with the seed of each trial."""


def seeds(first: int, runs: int | None, deadline_s: float) -> Iterator[int]:
    """One seed after the other, until there were `runs` or the time is over; at least one."""
    for seed in islice(count(first), runs):
        if seed > first and time.monotonic() > deadline_s:
            return
        yield seed


def run_kind(
    kind: Kind, straight: Straight, todo: Iterator[int], jobs: int, on_outcome: OnOutcome
) -> list[Outcome]:
    """The outcomes of trials, `jobs` at once, until there are no seeds left."""
    outcomes: list[Outcome] = []
    going_on: dict[Future[Outcome], int] = {}
    with ProcessPoolExecutor(jobs) as pool:
        while True:
            for seed in islice(todo, jobs - len(going_on)):
                going_on[pool.submit(run_trial, kind.name, straight, seed)] = seed
            if not going_on:
                return outcomes
            done, _ = wait(going_on, return_when=FIRST_COMPLETED)
            for future in done:
                outcomes.append(outcome := future.result())
                on_outcome(going_on.pop(future), outcome)


def run_trial(name: str, straight: Straight, seed: int) -> Outcome:
    """One trial in a folder of its own. A check of the tests' own that fails is a fault too."""
    kind = next(kind for kind in KINDS if kind.name == name)
    chance = random.Random(f"{name} {seed}")
    with tempfile.TemporaryDirectory(prefix="ugpt-campaign-") as folder:
        try:
            outcome = kind.run(Trial(Path(folder), straight, seed, chance))
        except Exception:
            outcome = Outcome(finished=False, faults=(traceback.format_exc(),))
        left = left_running(folder)
        end(list(left))
    faults = [f"left running: {words[:200]}" for words in left.values()]
    return replace(outcome, faults=(*outcome.faults, *faults))
