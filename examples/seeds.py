"""Trains the same model from several seeds, two at a time, and ranks them by their last losses.

    python examples/seeds.py             # seeds 1 to 4
    python examples/seeds.py 7 11 42     # these

Each run has a virtual device of its own, which is a process with its own flash file. All of it is
plain asyncio: a run is a coroutine, so a semaphore bounds how many there are at once.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import ugpt

NAMES = "names"  # the built-in list, or the path of a text of yours
AT_ONCE = 2
LAST = 100
"""A loss is of one name; the mean of so many says more."""


class Result(NamedTuple):
    loss: float
    seed: int


async def train(seed: int, folder: Path, slots: asyncio.Semaphore) -> Result:
    device = ugpt.Target("virtual", flash=folder / f"seed-{seed}.flash")
    async with slots:
        run = await ugpt.atrain(NAMES, device, path=folder / f"seed-{seed}", seed=seed, steps=500)
    return Result(float(run.losses[-LAST:].mean()), seed)


async def main(seeds: list[int]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)
    with tempfile.TemporaryDirectory() as folder:
        results = await asyncio.gather(*(train(seed, Path(folder), slots) for seed in seeds))
    print(f"mean loss of the last {LAST} steps")
    for rank, result in enumerate(sorted(results), start=1):
        print(f"{rank:>3}.  {result.loss:.4f}  seed {result.seed}")


if __name__ == "__main__":
    if wrong := [word for word in sys.argv[1:] if not word.isdecimal()]:
        sys.exit(f"error: {wrong[0]} is no seed; give whole numbers from 0 on")
    asyncio.run(main([int(word) for word in sys.argv[1:]] or [1, 2, 3, 4]))
