"""Training on devices that lie: how the runs end, and what is left of their folders.

python -m tests.campaign.lying --runs 200 --seed 1
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from tests.support.devices import listening_device
from tests.support.lying_device import Character, lying_device
from ugpt import Recipe, Shape, Target
from ugpt.data.dataset import Dataset
from ugpt.device.tensors import tensor_shapes
from ugpt.errors import UgptError
from ugpt.rpc import link
from ugpt.runs.config import Init, RunConfig
from ugpt.runs.folder import Run
from ugpt.runs.save_period import SavePeriod
from ugpt.training import claims, retry
from ugpt.training.session import Session
from ugpt.training.trainer import Outcome, Training

NAMES = Path(__file__).parents[2] / "data" / "names.txt"
STEPS = 200
_LONGEST_S = 120.0
_LONGEST_SENTENCE = 600


@dataclass(frozen=True)
class Ended:
    """One run."""

    character: Character
    lies: int
    duration_s: float
    error: str = ""
    """What the user read; empty if the run finished."""
    wrong: str = ""
    """What should not have been; empty if all was as it should be."""


def _run(folder: Path, dataset: Dataset) -> Run:
    path = folder / "run"
    if path.exists():
        return Run.open(path)
    shape = Shape(1, 16, 4, 16, dataset.vocabulary.size)
    recipe = Recipe(0.01, 0.85, 0.99, 1e-8, STEPS)
    config = RunConfig(
        dataset.path, dataset.sha256, shape, recipe, 42, Init.DEVICE, SavePeriod(steps=50),
        4711, "", "test", 20, 100, 20,
    )  # fmt: skip
    return Run.new(path, config)


async def _train(folder: Path, port: str, dataset: Dataset) -> Outcome:
    session = Session(
        _run(folder, dataset),
        dataset,
        lambda event: None,
        watched=True,
        may_move=True,
        may_overwrite=True,
    )
    async with asyncio.timeout(_LONGEST_S):
        return await Training(Target(port).connect, session).run()


async def run_once(folder: Path, seed: int, character: Character | None = None) -> Ended:
    """Trains on a liar, then goes on with an honest device."""
    dataset = Dataset.load(NAMES)
    error, wrong = "", ""
    started_s = time.monotonic()
    with (
        patch.object(retry, "RETRY_DELAYS_S", (0.01, 0.02, 0.05)),
        patch.object(link, "TRAINER_TIMEOUT_S", 5.0),
        patch.object(claims, "_WAITING_S", 2.0),
        patch.object(claims, "_WORKING_S", 2.0),
    ):
        async with lying_device(folder / "flash", seed, character) as (port, liar):
            try:
                await _train(folder, port, dataset)
            except UgptError as refused:
                error = str(refused)
                wrong = _fault_of_sentence(error)
            except TimeoutError:
                wrong = f"not over after {_LONGEST_S:.0f} s"
            except Exception as mistake:
                wrong = f"{type(mistake).__name__}: {mistake}"
        duration_s = time.monotonic() - started_s
        wrong = wrong or _fault_of_folder(folder / "run", dataset)
        if not wrong and (folder / "run").exists():
            wrong = await _fault_of_resumption(folder, dataset)
    return Ended(liar.character, liar.told, duration_s, error, wrong)


def _fault_of_sentence(text: str) -> str:
    if len(text) > _LONGEST_SENTENCE:
        return f"a message of {len(text)} characters: {text[:100]}"
    return f"a message of several lines: {text!r}" if "\n" in text else ""


def _fault_of_folder(path: Path, dataset: Dataset) -> str:
    """What is wrong with a run folder, in words."""
    if not path.exists():
        return ""
    try:
        run = Run.open(path)
        checkpoint = run.read_checkpoint(tensor_shapes(run.config.shape))
    except UgptError as error:
        return f"a folder that cannot be read: {error}"
    if run.metrics.damaged:
        return "a damaged metrics.jsonl"
    file = path / "metrics.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    entries = [json.loads(line, parse_constant=lambda name: math.nan) for line in lines]
    if [entry["step"] for entry in entries] != list(range(1, len(entries) + 1)):
        return "steps that do not follow each other"
    if len(entries) > STEPS:
        return f"{len(entries)} steps of {STEPS}"
    if not all(math.isfinite(entry["loss"]) for entry in entries):
        return "losses that are not finite"
    if not all(math.isfinite(entry.get("val_loss", 0.0)) for entry in entries):
        return "validation losses that are not finite"
    if checkpoint and checkpoint.step > len(entries):
        return f"a checkpoint of step {checkpoint.step} after {len(entries)} losses"
    return ""


async def _fault_of_resumption(folder: Path, dataset: Dataset) -> str:
    async with listening_device("socket", folder / "honest") as port:
        try:
            outcome = await _train(folder, port, dataset)
        except (UgptError, TimeoutError) as error:
            return f"it cannot be gone on with: {error}"
    return "" if outcome is Outcome.FINISHED else f"it ends {outcome.value}"


async def campaign(runs: int, first_seed: int) -> bool:
    """Whether all is as it should be; prints a line for each run that is not."""
    ends: Counter[str] = Counter()
    for seed in range(first_seed, first_seed + runs):
        with tempfile.TemporaryDirectory() as folder:
            ended = await run_once(Path(folder), seed)
        ends["wrong" if ended.wrong else "refused" if ended.error else "finished"] += 1
        if ended.wrong:
            print(f"{seed}: {ended.character}: {ended.wrong}", flush=True)
    print(f"{runs} lying devices: {dict(ends)}")
    return not ends["wrong"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(0 if asyncio.run(campaign(options.runs, options.seed)) else 1)


if __name__ == "__main__":
    main()
