"""Trained models with what a board computes with them, to compare exports with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ugpt
from ugpt.data.vocabulary import Vocabulary
from ugpt.device.tensors import encode_tokens
from ugpt.export.model import TrainedModel
from ugpt.runs.folder import Run

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
WARM = 1.5
"""A temperature at which the tokens drawn depend on every bit of many logits."""
ODD_TEXTS = (
    "naïve café", "“so” it is", "C:\\new\\table", "'a' or \"b\"", "1 ≤ 2", "𝄞 da capo", "ünder",
)  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """A run, and what the board makes of its model."""

    run: Run
    warm: list[str]
    """Texts of `SEED` at the temperature `WARM`."""
    greedy: str
    documents: list[str]
    token_losses: list[tuple[float, ...]]
    """Of each position of each document."""

    @property
    def characters(self) -> str:
        return TrainedModel.of(self.run).characters


def train_names(folder: Path) -> Trained:
    """The standard shape."""
    data = ROOT / "data" / "names.txt"
    return asyncio.run(_train(data, data.read_text().splitlines()[:20], folder, steps=150))


def train_odd(folder: Path) -> Trained:
    """Two layers of an unusual width, and characters that a program text must quote."""
    data = folder / "odd.txt"
    data.write_text("\n".join(ODD_TEXTS))
    return asyncio.run(
        _train(data, ODD_TEXTS, folder, steps=150, n_layer=2, n_embd=12, n_head=3, block_size=19)
    )


async def _train(data: Path, documents: Sequence[str], folder: Path, **options: int) -> Trained:
    target = ugpt.Target("virtual", flash=folder / "flash")
    path = folder / "run"
    await ugpt.atrain(data, target, path=path, seed=11, **options)  # type: ignore[arg-type]
    run = Run.open(path)
    vocabulary = Vocabulary(TrainedModel.of(run).characters)
    size = run.config.shape.block_size
    tokens = [vocabulary.encode(text[:size]) for text in documents]
    async with target.connect() as device:
        warm = ugpt.sample_texts(device, 40, seed=SEED, temperature=WARM)
        (greedy,) = [
            text.text async for text in ugpt.sample_texts(device, 1, seed=SEED, temperature=0.0)
        ]
        packed = [encode_tokens(each, vocabulary.size) for each in tokens]
        losses = (await device.evaluate_tokens(packed)).losses
        return Trained(
            run,
            [text.text async for text in warm],
            greedy,
            list(documents),
            list(losses),
        )
