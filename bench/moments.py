"""What moments in 16 and 8 bits do to the loss.

    python bench/moments.py                        # the standard model, and two layers of width 32
    python bench/moments.py --seeds 10 --steps 5000

Trains each model with each way to keep moments, from the same seeds: the same initial weights, the
same documents in the same order, a tenth of the file held out. Shows the means over the seeds: of
the training loss over the last 50 steps, and of the validation loss at the end, each beside its
difference from float32; `spread` is the standard deviation of that difference from seed to seed.

The engine is run by the driver of its tests, which has more memory than a board.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from workload import MOMENTS, NAMES, ROOT, STANDARD_STEPS, Shape, tokens

sys.path.append(str(ROOT))
sys.path.append(str(ROOT / "tests" / "engine"))
from engine_builds import Build
from engine_driver import Run, run_driver

SHAPES = (Shape(), Shape(n_layer=2, n_embd=32))
_LAST_STEPS = 50
_HELD_OUT_SHARE = 0.1
_JOBS = 2


@dataclass(frozen=True)
class Losses:
    """Of one run."""

    training: float
    """Mean over the last steps."""
    validation: float
    """Mean over all documents held out, at the end."""


def train(
    command: list[str], texts: list[list[int]], shape: Shape, moments: str, seed: int, steps: int
) -> Losses:
    order = texts.copy()
    random.Random(seed).shuffle(order)
    kept = len(order) - round(len(order) * _HELD_OUT_SHARE)
    result = run_driver(
        command,
        Run(
            weights=None,
            seed=seed,
            documents=[order[step % kept] for step in range(steps)],
            held_out=order[kept:],
            total_steps=steps,
            moments=moments,
            n_layer=shape.n_layer,
            n_embd=shape.n_embd,
            n_head=shape.n_head,
            block_size=shape.block_size,
            vocab_size=shape.vocab_size,
        ),
    )
    return Losses(
        training=statistics.fmean(map(float, result.losses[-_LAST_STEPS:])),
        validation=statistics.fmean(map(float, result.held_out_losses)),
    )


def report(shape: Shape, runs: dict[str, list[Losses]]) -> None:
    heading = f"{shape}, {shape.parameters:,} parameters"
    columns = "".join(
        f"{part:>12}{'to f32':>9}{'spread':>8}" for part in ("training", "validation")
    )
    print(f"\n{heading:56}{columns}")
    for moments, losses in runs.items():
        row = f"{moments:56}"
        for part in ("training", "validation"):
            values = [getattr(each, part) for each in losses]
            base = [getattr(each, part) for each in runs["f32"]]
            changes = [value - other for value, other in zip(values, base, strict=True)]
            spread = statistics.stdev(changes) if len(changes) > 1 else 0.0
            row += f"{statistics.fmean(values):12.4f}{statistics.fmean(changes):+9.4f}{spread:8.4f}"
        print(row)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", type=Path, default=NAMES)
    parser.add_argument("--seeds", type=int, default=5, help="runs of each kind (5)")
    parser.add_argument("--steps", type=int, default=STANDARD_STEPS, help="of each run (1000)")
    options = parser.parse_args()

    build = Build("bench-moments", "g++", "-O3")
    build.make()
    texts = tokens(options.file)
    with ThreadPoolExecutor(_JOBS) as pool:
        for base in SHAPES:
            shape = replace(base, vocab_size=1 + max(map(max, texts)) + 1)
            jobs = {
                moments: [
                    pool.submit(train, build.command(), texts, shape, moments, seed, options.steps)
                    for seed in range(42, 42 + options.seeds)
                ]
                for moments in MOMENTS
            }
            report(shape, {name: [job.result() for job in runs] for name, runs in jobs.items()})


if __name__ == "__main__":
    main()
