"""`ugpt plan`: whether a shape fits a board, and what takes the room."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from .. import connect
from .._messages import Plan, Shape
from ..client import Device
from ..dashboard import ACCENT, QUIET, bar, byte_count
from ..data import Dataset
from ..planning import check_shape, describe_change, nearest_shapes
from ..ports import VIRTUAL
from ._options import Baud, BlockSize, Json, NEmbd, NHead, NLayer, NoReset, Port, recipe, run
from ._output import console, print_json, say

EXAMPLES = [
    "ugpt plan",
    "ugpt plan --board esp32 --n-layer 2 --n-embd 32",
    "ugpt plan towns.txt --block-size 64     # the vocabulary of this file",
]

_BAR_WIDTH = 32


def command(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="Text file whose vocabulary to plan for.", show_default=False
        ),
    ] = None,
    port: Port = None,
    baud: Baud = None,
    board: Annotated[
        str | None,
        typer.Option(help="Ask a virtual board instead of the one plugged in, such as esp32."),
    ] = None,
    n_layer: NLayer = 1,
    n_embd: NEmbd = 16,
    n_head: NHead = 4,
    block_size: BlockSize = 16,
    vocab_size: Annotated[
        int,
        typer.Option(
            metavar="N", help="Characters and one, where no file is given.", min=2, max=65535
        ),
    ] = 27,
    no_reset: NoReset = False,
    json: Json = False,
) -> None:
    """Say whether a model of this shape fits a board, and what takes the room."""
    if board and port:
        raise typer.BadParameter("name a board or a port, not both", param_hint="--board")
    characters = "a" * (vocab_size - 1)
    if file:
        characters = Dataset.load(file).vocabulary.characters
    shape = Shape(n_layer, n_embd, n_head, block_size, len(characters) + 1)
    check_shape(shape)
    vocabulary_bytes = len(characters.encode())
    if not run(_plan(port, baud, no_reset, board, shape, vocabulary_bytes, json)):
        raise typer.Exit(1)


async def _plan(
    port: str | None,
    baud: int | None,
    no_reset: bool,
    board: str | None,
    shape: Shape,
    vocabulary_bytes: int,
    json: bool,
) -> bool:
    """Prints the plan; returns whether the model fits."""
    with tempfile.TemporaryDirectory() as folder:
        # A board that is only asked must not touch the flash of the one that is used.
        virtual = board is not None
        connection = connect(
            VIRTUAL if virtual else port,
            baud=baud,
            board=board or "esp32",
            flash=Path(folder) / "flash" if virtual else None,
            no_reset=no_reset,
        )
        async with connection as device:
            say(device.description)
            settings = recipe(0.01, 1000)
            plan = await device.plan(shape, settings, vocabulary_bytes)
            nearest = []
            if not plan.fits:
                nearest = await nearest_shapes(device, shape, settings, vocabulary_bytes)
            changes = [describe_change(shape, other) for other in nearest]
            if json:
                print_json(
                    {**dataclasses.asdict(shape), **dataclasses.asdict(plan), "nearest": changes}
                )
            else:
                _print(device, plan, changes)
            return plan.fits


def _print(device: Device, plan: Plan, changes: list[str]) -> None:
    out = console()
    parts = {
        "weights": plan.weights_bytes,
        "moments": plan.moments_bytes,
        "gradients": plan.gradients_bytes,
        "activations": plan.activations_bytes,
        "vocabulary": plan.vocabulary_bytes,
    }
    whole = max(plan.available_bytes, plan.total_bytes)
    out.print(Text(f"{plan.parameters:,} parameters", "bold"))
    for name, size in parts.items():
        out.print(_row(name, size, whole, ACCENT))
    out.print(_row("all", plan.total_bytes, whole, "green" if plan.fits else "red"))
    blocks = " + ".join(byte_count(size) for size in device.hello.memory_blocks)
    out.print(Text(f"The board has {byte_count(plan.available_bytes)} ({blocks}).", QUIET))
    if not plan.fits:
        out.print(Text(f"It does not fit: {plan.missing_bytes:,} bytes are missing.", "bold red"))
        if changes:
            out.print(f"The nearest that fits: {' or '.join(changes)}.")
        return
    free = plan.available_bytes - plan.total_bytes
    out.print(Text(f"It fits and leaves {byte_count(free)}.", "bold green"))
    if plan.checkpoint_bytes > device.hello.checkpoint_bytes:
        out.print(
            f"But its checkpoint of {plan.checkpoint_bytes:,} bytes is larger than the "
            f"{device.hello.checkpoint_bytes:,} bytes of a slot in flash."
        )


def _row(name: str, size: int, whole: int, style: str) -> Text:
    row = Text.assemble((f"{name:<13}", QUIET), f"{byte_count(size):>10}  ")
    row.append_text(bar(size / whole, _BAR_WIDTH, style))
    row.append(f" {size / whole:4.0%}", QUIET)
    return row
