"""Check a text, and manage the data set in the flash of the board."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Annotated

import typer

from ...data.dataset import Dataset, split_documents
from ...data.report import Examination, percent, remarks
from ...device.activity import is_detached
from ...device.target import Target
from ...rpc.messages import BLOCK_SIZE_MAX, METHODS, DataSet
from ...training.check import Prospects, prospects
from ...training.dataset_upload import push_data
from ...training.guard import require_no_detached_run
from ...training.options import RecipeOptions
from ...view.output import console, print_fields, print_json, say
from ...view.progress import byte_progress
from ...view.style import byte_count, duration
from ...wording import counted
from ..group import command_group, command_of
from ..numbers import protocol_number
from ..options import BOARDS, Json, TargetGroup, board_to_ask, run
from ..overwriting import Overwrite, run_asking
from ..recipe import BlockSize, Steps
from ..texts import Files, TextGroup, say_all

EXAMPLES = [
    "ugpt data check towns.txt",
    "ugpt data check towns.csv --column name --block-size 32",
    "ugpt data push names",
    "ugpt data info --json",
]

_SHOWN = 60  # characters of an alphabet

app = command_group(__doc__, EXAMPLES)


@command_of(app, EXAMPLES[:2])
def check(
    files: Files,
    *,
    block_size: BlockSize = 16,
    steps: Steps = 1000,
    board: Annotated[
        str,
        typer.Option(
            help=f"Virtual board whose memory the models must fit: {BOARDS}.", metavar="BOARD"
        ),
    ] = "esp32",
    json: Json = False,
    texts: TextGroup,
) -> None:
    """Show what a text contains, what would be cut off, and which models can train on it."""
    dataset = texts.load(files, block_size, "ugpt data check")
    found = Examination.of(dataset, block_size)
    target = board_to_ask(Target(), board)
    ahead = run(prospects(target, dataset, block_size, RecipeOptions(steps=steps).recipe()))
    if json:
        print_json({**dataclasses.asdict(found), **dataclasses.asdict(ahead), "steps": steps})
    else:
        print_fields(_findings(found, dataset) | _models(ahead, steps))
        for remark in found.remarks:
            console().tell(f"- {remark}")
    if not ahead.unknown and ahead.largest is None:
        raise typer.Exit(1)


@command_of(app, EXAMPLES[2:3])
def push(
    files: Files,
    *,
    target: TargetGroup,
    seed: Annotated[
        int,
        typer.Option(
            help="Seed for the order of the documents, as in `ugpt train`.",
            **protocol_number(METHODS["init_weights"].param("seed")),
        ),
    ] = 42,
    block_size: BlockSize = 16,
    overwrite: Overwrite = False,
    json: Json = False,
    texts: TextGroup,
) -> None:
    """Store a data set on the board; `ugpt train --detach` does this if needed."""
    dataset = texts.load(files, block_size, "ugpt data push")
    say_all(remarks(dataset, BLOCK_SIZE_MAX))  # the board keeps as much of a document
    run_asking(partial(_push, dataset, seed, target, json), overwrite, json=json)


@command_of(app, EXAMPLES[3:])
def info(*, target: TargetGroup, json: Json = False) -> None:
    """Describe the data set on the board."""
    run(_info(target, json))


async def _push(
    dataset: Dataset, seed: int, target: Target, json: bool, may_overwrite: bool
) -> None:
    async with target.connect() as device:
        say(device.introduction())
        if is_detached(await device.status()):
            if not may_overwrite:
                require_no_detached_run(device, await device.status())
            await device.stop()
        with byte_progress(f"{dataset.title} to the board") as progress:
            documents = split_documents(dataset.documents, seed, 0).training
            stored = await push_data(device, documents, dataset, progress=progress)
        if json:
            room = {"room_bytes": device.hello.data_bytes, "was_there": stored.was_there}
            print_json({**dataclasses.asdict(stored.data), **room})
            return
        how = "is on the board already" if stored.was_there else "is on the board now"
        console().tell(
            f"{dataset.title} {how}: {counted(stored.data.documents, 'document')}, "
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


def _findings(found: Examination, dataset: Dataset) -> dict[str, str]:
    windows = "" if found.windows is None else f", in {counted(found.windows, 'window')}"
    unused = f"{percent(found.unused_share)} of the text is not used"
    median = counted(found.median, "character")
    return {
        "text": dataset.title,
        "encoding": ", ".join(dict.fromkeys(found.encodings)),
        "documents": f"{found.documents:,}{windows}; {counted(found.characters, 'character')}",
        "length": f"{median} (median), {found.longest:,} in the longest",
        "duplicates": f"{found.duplicates:,}" if found.duplicates else "none",
        "alphabet": _characters(found.alphabet),
        "only once": _characters(found.once) if found.once else "none",
        f"cut at {found.block_size}": f"{counted(found.longer, 'document')}, {unused}"
        if found.longer
        else "nothing",
    }


def _characters(characters: str) -> str:
    shown = characters[:_SHOWN]
    rest = len(characters) - _SHOWN
    return f"{len(characters):,}: {shown}{f' and {rest:,} more' if rest > 0 else ''}"


def _models(ahead: Prospects, steps: int) -> dict[str, str]:
    if ahead.unknown:
        return {"models": ahead.unknown}
    standard = "fits" if ahead.standard_fits else "does not fit"
    advice = "Try a smaller --block-size."
    if ahead.alphabet_that_fits is not None:
        standard += f": it has room for {counted(ahead.alphabet_that_fits, 'character')}"
        advice = "Use a text with fewer characters; --lower may help."
    fields = {"standard model": standard, "largest model": f"none fits. {advice}"}
    if largest := ahead.largest:
        fields["largest model"] = (
            f"--n-layer {largest.n_layer} --n-embd {largest.n_embd} "
            f"({counted(ahead.largest_parameters or 0, 'parameter')})"
        )
    for name, time_s in (
        ("standard model", ahead.standard_estimated_s),
        ("largest model", ahead.largest_estimated_s),
    ):
        if time_s is not None:
            take = f"{counted(steps, 'step')} {'takes' if steps == 1 else 'take'}"
            fields[name] += f"; {take} {duration(time_s)} on an ESP32 (estimated)"
    return fields
