"""One C file with the weights inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..runs.folder import Run
from .model import TrainedModel
from .template import fill, rows_of, template, wrapped


def files(run: Run, out: Path) -> dict[Path, bytes]:
    model = TrainedModel.of(run)
    model.require_finite("C")
    text = fill(
        template("gpt.c"),
        {
            '#include "model.h"': _shape(model),
            '#include "weights.h"': "\n".join(_weights(model)),
        },
    )
    return {out: text.encode()}


def _shape(model: TrainedModel) -> str:
    shape = ", ".join(f"{name.upper()} = {value}" for name, value in asdict(model.shape).items())
    points = wrapped((f"0x{ord(character):x}" for character in model.characters), 4)
    return (
        f"// After {model.step:,} steps of training.\n"
        f"enum {{ {shape} }};\n"
        f"#define DEFAULT_SEED {model.seed}u\n"
        f"static const uint32_t characters[VOCAB_SIZE - 1] = {{\n{points}\n}};"
    )


def _weights(model: TrainedModel) -> Iterator[str]:
    yield "static const Parameters weights = {"
    layered = {name: values for name, values in model.weights.items() if "." in name}
    for name, matrix in model.weights.items():
        if name not in layered:
            yield from _matrix(name, matrix, 4)
    yield "    .layers = {"
    for number in range(model.shape.n_layer):
        yield "        {"
        for name, matrix in _of_layer(layered, number).items():
            yield from _matrix(name, matrix, 12)
        yield "        },"
    yield "    },"
    yield "};"
    yield ""
    yield "static const Parameters *trained(void) { return &weights; }"


def _of_layer(
    layered: Mapping[str, NDArray[np.float32]], number: int
) -> dict[str, NDArray[np.float32]]:
    prefix = f"layer{number}."
    return {
        name.removeprefix(prefix): values
        for name, values in layered.items()
        if name.startswith(prefix)
    }


def _matrix(name: str, matrix: NDArray[np.float32], indent: int) -> Iterator[str]:
    yield f"{' ' * indent}.{name} = {{"
    for row in rows_of(matrix):
        numbers = wrapped((f"{number}f" for number in row), indent + 8)
        yield f"{' ' * (indent + 4)}{{\n{numbers}\n{' ' * (indent + 4)}}},"
    yield f"{' ' * indent}}},"
