"""Models for the tests of inference: small ones made from numbers, and stories260K where it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ugpt.models.image import write_image
from ugpt.models.layouts import TensorFormat
from ugpt.models.llama2c import read_llama2c
from ugpt.models.model import LanguageModel, LlamaShape, TokenPieces

ROOT = Path(__file__).resolve().parents[2]

SMALL = LlamaShape(2, 32, 4, 2, 44, 300, 48, tied_classifier=True)
SHAPES = {
    "small": SMALL,
    "one head, its own classifier": LlamaShape(1, 8, 1, 1, 12, 259, 20, tied_classifier=False),
    "heads of 6, rows of 42": LlamaShape(2, 42, 7, 7, 50, 261, 40, tied_classifier=False),
    "heads of 20, wider than a group": LlamaShape(1, 300, 15, 3, 520, 270, 24, True),
    "heads of 2": LlamaShape(1, 16, 8, 4, 8, 265, 130, tied_classifier=True),
}


def random_values(stream: int, count: int) -> np.ndarray:
    """Deviates of about a normal distribution, the same with every version of NumPy."""
    z = np.arange(1, 3 * count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(stream * 0x2545F4914F6CDD1D % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    z ^= z >> np.uint64(31)
    words = z.view(np.uint16).reshape(count, 12).astype(np.int64)
    return ((words.sum(axis=1) - 6 * 65535) / 65536).astype(np.float32)


def random_model(shape: LlamaShape, seed: int = 1) -> LanguageModel:
    """Weights of a size that keeps activations lively, norms around 1, bytes and a few pieces."""
    tensors = {}
    for number, (name, dimensions) in enumerate(shape.tensors().items()):
        count = int(np.prod(dimensions))
        values = random_values(seed * 1000 + number, count).reshape(dimensions)
        deviation = 0.2 if len(dimensions) == 1 else float(dimensions[-1]) ** -0.5
        mean = 1.0 if len(dimensions) == 1 else 0.0
        tensors[name] = (mean + np.float32(deviation) * values).astype(np.float32)
    return LanguageModel(shape, tensors, vocabulary(shape.vocab_size))


def vocabulary(size: int) -> TokenPieces:
    """Three marks, all bytes, and then pieces of one letter or two."""
    pieces = [b"<unk>", b"\n<s>\n", b"\n</s>\n", *(b"<0x%02X>" % byte for byte in range(256))]
    letters = [b" ", *(bytes([97 + i]) for i in range(26))]
    pieces += (letters + [a + b for a in letters for b in letters])[: size - len(pieces)]
    return TokenPieces(tuple(pieces), tuple(float(259 - max(i, 259)) for i in range(size)))


def find_data(name: str) -> Path:
    """A file of shared/data, which lies beside the project and is no part of it; skips without."""
    for folder in ROOT.parents:
        if (file := folder / "shared" / "data" / name).exists():
            return file
    pytest.skip(f"shared/data/{name} is not beside the project")


def stories() -> LanguageModel:
    return read_llama2c(find_data("stories260K.bin"), find_data("tok512.bin"))


@dataclass(frozen=True)
class ImageFile:
    """An image as a file, and the model that it holds."""

    path: Path
    model: LanguageModel

    @classmethod
    def make(cls, folder: Path, model: LanguageModel, layout: TensorFormat) -> ImageFile:
        image = write_image(model, layout, "test")
        path = folder / f"{layout.name}.ugpt"
        path.write_bytes(image.content)
        return cls(path, replace(model, tensors=image.tensors()))
