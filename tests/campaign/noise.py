"""Training over a line on which bytes are wrong: how many runs finish, with which bits, and when.

python -m tests.campaign.noise --runs 100 --byte-errors 0.003
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.devices import listening_device
from tests.support.faults import NoisySide, proxy_of
from ugpt import Target, atrain
from ugpt.errors import UgptError
from ugpt.training.events import Event

NAMES = Path(__file__).parents[2] / "data" / "names.txt"
SLOWER_AT_MOST = 10


@dataclass(frozen=True)
class Ended:
    """One run."""

    digest: str
    """Empty if it did not finish."""
    duration_s: float
    reason: str = ""


async def run_once(
    folder: Path,
    byte_errors: float,
    seed: int,
    steps: int,
    save_every: str = "1m",
    on_event: Callable[[Event], None] = lambda event: None,
) -> Ended:
    """Trains from the beginning on a new virtual device, in `folder`/run."""
    sides = NoisySide(byte_errors, seed), NoisySide(byte_errors, seed + 1_000_000)
    run = folder / "run"
    async with (
        listening_device("socket", folder / "flash") as port,
        proxy_of(port, sides) as line,
    ):
        started_s = time.monotonic()
        try:
            await atrain(
                NAMES, Target(line.address), path=run, steps=steps, save_every=save_every,
                on_event=on_event,
            )  # fmt: skip
        except UgptError as error:
            return Ended("", time.monotonic() - started_s, str(error))
        duration_s = time.monotonic() - started_s
    return Ended((run / "weights.sha256").read_text(), duration_s)


async def _run_in_a_folder(byte_errors: float, seed: int, steps: int) -> Ended:
    with tempfile.TemporaryDirectory() as folder:
        return await run_once(Path(folder), byte_errors, seed, steps)


async def campaign(runs: int, byte_errors: float, first_seed: int, steps: int) -> bool:
    """Whether all is as it should be; prints a line a run.

    Clean runs take turns with the others, so that both meet the same load of the computer.
    """
    clean: list[Ended] = []
    noisy: list[Ended] = []
    for seed in range(first_seed, first_seed + runs):
        clean.append(await _run_in_a_folder(0.0, seed, steps))
        noisy.append(ended := await _run_in_a_folder(byte_errors, seed, steps))
        print(f"{seed}: {ended.duration_s:.2f} s {ended.reason}", flush=True)
    clean_s = statistics.median(ended.duration_s for ended in clean)
    finished = [ended for ended in noisy if ended.digest]
    same = [ended for ended in finished if ended.digest == clean[0].digest]
    in_time = [ended for ended in finished if ended.duration_s <= SLOWER_AT_MOST * clean_s]
    longest_s = max(ended.duration_s for ended in noisy)
    print(
        f"byte errors {byte_errors:g} each way: {runs} runs, {len(finished)} finished, {len(same)} "
        f"with the same bits, {len(in_time)} within {SLOWER_AT_MOST} times a clean run's "
        f"{clean_s:.2f} s; median {statistics.median(ended.duration_s for ended in noisy):.2f} s, "
        f"longest {longest_s:.2f} s"
    )
    return len(finished) == len(same) == len(in_time) == runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--byte-errors", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    worked = asyncio.run(campaign(options.runs, options.byte_errors, options.seed, options.steps))
    sys.exit(0 if worked else 1)


if __name__ == "__main__":
    main()
