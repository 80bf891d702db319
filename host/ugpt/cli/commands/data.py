"""Manage the data set in the flash of the board."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from ...data.dataset import Dataset, split_documents
from ...device.target import Target
from ...rpc.messages import DataSet
from ...training.dataset_upload import push_data
from ...view.output import console, print_fields, print_json, say
from ...view.progress import byte_progress
from ...view.style import byte_count
from ..group import PlainCommand, PlainGroup
from ..numbers import whole_number
from ..options import SEED_MAX, Baud, Json, NoReset, Port, run

EXAMPLES = ["ugpt data push data/names.txt", "ugpt data info --json"]

app = typer.Typer(
    cls=PlainGroup,
    help=__doc__,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)


@app.command(cls=PlainCommand, epilog="\n\n".join(["Examples:", EXAMPLES[0]]))
def push(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="UTF-8 text, one document per line.")
    ],
    port: Port = None,
    baud: Baud = None,
    seed: Annotated[
        int,
        typer.Option(
            help="Seed for the order of the documents, as in `ugpt train`.",
            **whole_number(0, SEED_MAX),
        ),
    ] = 42,
    no_reset: NoReset = False,
    json: Json = False,
) -> None:
    """Store a data set on the board; `ugpt train --detach` does this if needed."""
    run(_push(Dataset.load(file), seed, Target(port, baud, no_reset), json))


@app.command(cls=PlainCommand, epilog="\n\n".join(["Examples:", EXAMPLES[1]]))
def info(
    port: Port = None, baud: Baud = None, no_reset: NoReset = False, json: Json = False
) -> None:
    """Describe the data set on the board."""
    run(_info(Target(port, baud, no_reset), json))


async def _push(dataset: Dataset, seed: int, target: Target, json: bool) -> None:
    async with target.connect() as device:
        say(device.description)
        with byte_progress(f"{dataset.path.name} to the board") as progress:
            documents = split_documents(dataset.documents, seed, 0).training
            stored = await push_data(device, documents, dataset, progress=progress)
        if json:
            room = {"room_bytes": device.hello.data_bytes, "was_there": stored.was_there}
            print_json({**dataclasses.asdict(stored.data), **room})
            return
        how = "is on the board already" if stored.was_there else "is on the board now"
        console().print(
            f"{dataset.path.name} {how}: {stored.data.documents:,} documents, "
            f"{byte_count(stored.data.size_bytes)} of {byte_count(device.hello.data_bytes)}"
        )


async def _info(target: Target, json: bool) -> None:
    async with target.connect() as device:
        data = await device.data_info()
        if json:
            print_json({**dataclasses.asdict(data), "room_bytes": device.hello.data_bytes})
        else:
            print_fields(_fields(data, device.hello.data_bytes))


def _fields(data: DataSet, room_bytes: int) -> dict[str, str]:
    return {
        "documents": f"{data.documents:,}",
        "size": f"{byte_count(data.size_bytes)} of {byte_count(room_bytes)}",
        "tokens": "one byte each" if data.token_bytes == 1 else "two bytes each",
        "checksum": f"{data.crc:08x}",
    }
