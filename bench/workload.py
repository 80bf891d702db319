"""What the benchmarks compute: shapes, the documents of the standard run, and its multiply-adds."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "bench"
NAMES = ROOT / "data" / "names.txt"
STANDARD_STEPS = 1000
MOMENTS = ("f32", "bf16", "q8")


@dataclass(frozen=True)
class Shape:
    """The shape of a model; the default is that of the standard run."""

    n_layer: int = 1
    n_embd: int = 16
    n_head: int = 4
    block_size: int = 16
    vocab_size: int = 27

    @property
    def parameters(self) -> int:
        c = self.n_embd
        return 12 * self.n_layer * c * c + (2 * self.vocab_size + self.block_size) * c

    def multiply_adds(self, positions: int) -> int:
        """Of the products in the forward and backward pass of a step; Adam comes on top.

        A backward pass multiplies twice for each product of the forward pass. Attention looks back
        at every earlier position and at its own.
        """
        c = self.n_embd
        linear = positions * (12 * self.n_layer * c * c + self.vocab_size * c)
        attention = self.n_layer * c * positions * (positions + 1)
        return 3 * (linear + attention)

    def __str__(self) -> str:
        return (
            f"layers {self.n_layer}, width {self.n_embd}, heads {self.n_head}, "
            f"block {self.block_size}"
        )


@dataclass(frozen=True)
class Workload:
    """What the loop in train_loop.cpp is to do."""

    mode: str = "train"
    """train or sample"""
    shape: Shape = Shape()
    count: int = STANDARD_STEPS
    positions: int = 0
    """Of every document; 0 for those of names.txt."""
    moments: str = "f32"
    recompute: bool = False

    def arguments(self) -> list[str]:
        shape = self.shape
        numbers = (shape.n_layer, shape.n_embd, shape.n_head, shape.block_size, shape.vocab_size)
        moments = MOMENTS.index(self.moments)
        numbers += (self.count, self.positions, moments, int(self.recompute))
        return [self.mode, *map(str, numbers)]

    def __str__(self) -> str:
        options = [f"moments {self.moments}"] if self.moments != "f32" else []
        options += ["recompute"] if self.recompute else []
        return ", ".join([str(self.shape), f"positions {self.positions}", *options])


# One thing is varied at a time; full blocks, so that the work is known exactly.
SWEEPS: dict[str, list[Workload]] = {
    "width": [
        Workload(shape=Shape(n_embd=c, block_size=16), positions=8) for c in (16, 32, 64, 128)
    ],
    "depth": [Workload(shape=Shape(n_layer=n), positions=8) for n in (1, 2, 4, 8)],
    "block size": [Workload(shape=Shape(block_size=t), positions=8) for t in (16, 32, 64, 128)],
    "positions": [Workload(shape=Shape(block_size=64), positions=n) for n in (4, 8, 16, 32, 64)],
    "memory": [
        *(Workload(shape=Shape(n_layer=2), positions=8, moments=moments) for moments in MOMENTS),
        Workload(shape=Shape(n_layer=2), positions=8, recompute=True),
    ],
}


def tokens(file: Path) -> list[list[int]]:
    """The documents of a text file, one a line, as tokens without BOS."""
    names = [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]
    ids = {character: i for i, character in enumerate(sorted(set("".join(names))))}
    return [[ids[character] for character in name] for name in names]


def documents() -> list[list[int]]:
    """The documents of the standard run in order."""
    texts = tokens(NAMES)
    random.Random(42).shuffle(texts)
    return texts[:STANDARD_STEPS]


def write_documents(folder: Path) -> None:
    """Writes documents.inc for train_loop.cpp into `folder`."""
    texts = documents()
    offsets, end = [0], 0
    for text in texts:
        end += len(text)
        offsets.append(end)
    text = ",".join(str(token) for text in texts for token in text)
    content = (
        "// The documents of the standard run, written by bench/workload.py.\n"
        f"constexpr std::size_t kDocuments = {len(texts)};\n"
        f"constexpr std::uint16_t kOffsets[] = {{{','.join(map(str, offsets))}}};\n"
        f"constexpr std::uint8_t kText[] = {{{text}}};\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "documents.inc"
    if not file.exists() or file.read_text() != content:
        file.write_text(content)
