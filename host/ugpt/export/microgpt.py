"""One Python file in the style of microgpt.py, with the weights inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..runs.folder import Run
from .model import TrainedModel
from .template import fill, rows_of, template, wrapped


def files(run: Run, out: Path) -> dict[Path, bytes]:
    model = TrainedModel.of(run)
    model.require_finite("microgpt")
    text = fill(
        template("microgpt.py"),
        {
            "from model import block_size, n_embd, n_head, n_layer, seed, uchars": _shape(model),
            "from weights import state_dict  # noqa: E402": "\n".join(_weights(model)),
        },
    )
    return {out: text.encode()}


def _shape(model: TrainedModel) -> str:
    shape = model.shape
    characters = wrapped(map(ascii, model.characters), 4)
    return (
        f"# After {model.step:,} steps of training.\n"
        f"n_layer, n_embd, n_head, block_size = "
        f"{shape.n_layer}, {shape.n_embd}, {shape.n_head}, {shape.block_size}\n"
        f"seed = {model.seed}\n"
        f"uchars = [\n{characters}\n]"
    )


def _weights(model: TrainedModel) -> Iterator[str]:
    yield "# Decimals that round to the weights in 32 bits."
    yield "state_dict = {"
    for name, matrix in model.weights.items():
        yield f'    "{name}": ['
        for row in rows_of(matrix):
            yield f"        [\n{wrapped(row, 12)}\n        ],"
        yield "    ],"
    yield "}"
    yield "state_dict = {"
    yield "    name: [[f32(value) for value in row] for row in matrix]"
    yield "    for name, matrix in state_dict.items()"
    yield "}"
