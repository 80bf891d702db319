"""Compares joint runs with runs on one board, by the documents that they have been trained on.

    python bench/joint_loss.py                       # the table
    python bench/joint_loss.py --picture FILE.png    # and the curves of the validation loss

Every run is a command line on virtual boards, whose weights are those of any boards.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ugpt.runs.folder import Run

WORKERS = 4
STEPS = 1000
EVALUATIONS = 20
HELD_OUT = ("--holdout", "500")
COLOURS = ("#1d3b58", "#9aa7b4", "#c2410c", "#4a7fb5", "#15803d")


@dataclass(frozen=True)
class Contender:
    """A run, and what it is called."""

    name: str
    command: tuple[str, ...]
    steps: int
    batch: int
    """Documents a step, of all workers together."""

    def train(self, text: str, folder: Path) -> Run:
        """Its run folder, complete."""
        every = str(self.steps // EVALUATIONS)
        options = ("--steps", str(self.steps), "--eval-every", every, *HELD_OUT)
        words = (*self.command, text, *options, "--run", str(folder), "--json")
        subprocess.run(
            [sys.executable, "-m", "ugpt", *words], check=True, stdout=subprocess.DEVNULL
        )
        return Run.open(folder)


def contenders(boards: int) -> Iterator[Contender]:
    alone = ("train", "--port", "virtual", "--overwrite")
    yield Contender("one board, 4,000 steps", alone, WORKERS * STEPS, 1)
    yield Contender("one board, 1,000 steps", alone, STEPS, 1)
    large = (*alone, "--batch", str(WORKERS))
    yield Contender("one board, 1,000 steps of 4 documents", large, STEPS, WORKERS)
    fleet = ("fleet", "train", "--virtual", str(boards), "--workers", str(WORKERS))
    for sync in (10, 100):
        name = f"4 workers, 1,000 steps, averaged every {sync}"
        yield Contender(name, (*fleet, "--sync", str(sync)), STEPS, WORKERS)


def print_row(contender: Contender, run: Run) -> None:
    documents = contender.steps * contender.batch
    last = run.metrics.losses[-contender.steps // 10 :]
    val_loss = run.metrics.val_losses[contender.steps]
    print(f"| {contender.name} | {documents:,} | {sum(last) / len(last):.3f} | {val_loss:.3f} |")


def draw(found: list[tuple[Contender, Run]], picture: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=120)
    for (contender, run), colour in zip(found, COLOURS, strict=True):
        points = sorted(run.metrics.val_losses.items())
        documents = [step * contender.batch for step, _ in points]
        losses = [loss for _, loss in points]
        axes.plot(documents, losses, label=contender.name, color=colour, marker=".", linewidth=1.5)
    axes.set_xlabel("documents trained on")
    axes.set_ylabel("validation loss")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(picture)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--text", default="names")
    arguments.add_argument("--boards", type=int, default=2, help="virtual boards")
    arguments.add_argument("--picture", type=Path)
    given = arguments.parse_args()
    found = []
    print("| run | documents | loss of the last tenth | validation loss |")
    print("| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for number, contender in enumerate(contenders(given.boards)):
            found.append((contender, contender.train(given.text, Path(folder) / str(number))))
            print_row(*found[-1])
            sys.stdout.flush()
        if given.picture:
            draw(found, given.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
