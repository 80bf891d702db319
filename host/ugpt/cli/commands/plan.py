"""Show whether a model fits the board, and what uses the memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ...data.report import remarks
from ...device.client import Device
from ...device.compatibility import OWN_TABLE, missing_regions
from ...device.target import Target
from ...rpc.messages import SHAPE, Hello, MomentFormat, Plan, Recipe, Shape
from ...training.fit import (
    FEWER_CHARACTERS,
    Planned,
    alphabet_that_fits,
    check_shape,
    describe_alphabet,
    describe_change,
    largest_shape,
    nearest_shapes,
)
from ...view.output import console, print_json, say
from ...view.style import ACCENT, QUIET, bar, byte_count, byte_counts, duration, rate
from ...wording import counted, size_in_bytes
from ..numbers import protocol_number
from ..options import (
    BOARDS,
    Json,
    TargetGroup,
    board_to_ask,
    refuse_given,
    run,
)
from ..recipe import ModelGroup, PlannedRecipeGroup
from ..texts import OptionalFiles, TextGroup, say_all

EXAMPLES = [
    "ugpt plan",
    "ugpt plan --board esp32 --n-layer 2 --n-embd 32",
    "ugpt plan towns.txt --block-size 64     # the vocabulary of this file",
    "ugpt plan --n-embd 48 --moments bf16 --recompute",
    "ugpt plan --largest --board esp32     # the most that this board can train",
]

_BAR_WIDTH = 32
_CHOSEN_BY_LARGEST = {"n_layer", "n_embd", "moments", "recompute"}


def command(
    context: typer.Context,
    files: OptionalFiles = None,
    *,
    target: TargetGroup,
    board: Annotated[
        str | None,
        typer.Option(help=f"Plan for a virtual board: {BOARDS}.", metavar="BOARD"),
    ] = None,
    model: ModelGroup,
    vocab_size: Annotated[
        int,
        typer.Option(
            help="Number of characters plus one, if no file is given.",
            **protocol_number(SHAPE["vocab_size"]),
        ),
    ] = 27,
    recipe: PlannedRecipeGroup,
    largest: Annotated[
        bool,
        typer.Option(
            "--largest",
            help="Find the largest model that fits, for each format of the moments.",
        ),
    ] = False,
    json: Json = False,
    texts: TextGroup,
) -> None:
    if board and target.port:
        raise typer.BadParameter("name a board or a port, not both", param_hint="--board")
    characters = "a" * (vocab_size - 1)
    said: list[str] = []
    if files:
        dataset = texts.load(files, model.block_size, "ugpt plan")
        characters, said = dataset.vocabulary.characters, remarks(dataset, model.block_size)
    shape = model.shape(len(characters) + 1)
    check_shape(shape)
    question = _Question(shape, recipe.recipe(), len(characters.encode()), said, json)
    if not json:
        say_all(said)
    if largest:
        refuse_given(context, _CHOSEN_BY_LARGEST, "--largest chooses that; leave it out")
    answer = _answer_largest if largest else _answer
    if not run(_ask(board_to_ask(target, board), question, answer)):
        raise typer.Exit(1)


@dataclasses.dataclass(frozen=True)
class _Question:
    """What to plan, and how to say it."""

    shape: Shape
    recipe: Recipe
    vocabulary_bytes: int
    remarks: list[str]
    json: bool


async def _ask(
    target: Target,
    question: _Question,
    answer: Callable[[Device, _Question], Awaitable[bool]],
) -> bool:
    async with target.connect() as device:
        say(device.introduction())
        return await answer(device, question)


@dataclasses.dataclass(frozen=True)
class _Choice:
    """A way to train the model that is asked about, and what it costs."""

    recipe: Recipe
    plan: Plan

    def to_json(self) -> dict[str, object]:
        return {
            **_memory_options(self.recipe),
            "total_bytes": self.plan.total_bytes,
            "fits": self.plan.fits,
        }


def _memory_options(recipe: Recipe) -> dict[str, object]:
    return {"moments": recipe.moments.name.lower(), "recompute": recipe.recompute}


async def _answer(device: Device, question: _Question) -> bool:
    """Prints the plan; returns whether the model fits."""
    shape, asked = question.shape, (question.recipe, question.vocabulary_bytes)
    plan = await device.plan(shape, *asked)
    nearest = [] if plan.fits else await nearest_shapes(device, shape, *asked)
    changes = [describe_change(shape, other) for other in nearest]
    alphabet = None
    if not plan.fits:
        alphabet = await alphabet_that_fits(device, Planned(shape, plan), *asked)
    choices = await _choices(device, question)
    if question.json:
        print_json(
            {
                **dataclasses.asdict(shape),
                **dataclasses.asdict(plan),
                "nearest": changes,
                "alphabet_that_fits": alphabet,
                "remarks": question.remarks,
                "choices": [choice.to_json() for choice in choices],
            }
        )
    else:
        _print(device, plan, changes)
        if alphabet is not None:
            console().tell(f"{describe_alphabet(shape, alphabet)} {FEWER_CHARACTERS}.")
        _print_choices(choices, question.recipe)
    return plan.fits


async def _choices(device: Device, question: _Question) -> list[_Choice]:
    """Every way to keep moments; with several layers, both ways to keep activations."""
    recipes = [
        dataclasses.replace(question.recipe, moments=moments, recompute=recompute)
        for recompute in (
            (False, True) if question.shape.n_layer > 1 else (question.recipe.recompute,)
        )
        for moments in MomentFormat
    ]
    return [
        _Choice(recipe, await device.plan(question.shape, recipe, question.vocabulary_bytes))
        for recipe in recipes
    ]


async def _answer_largest(device: Device, question: _Question) -> bool:
    """Prints the largest model for each way to train one; returns whether any model fits."""
    found: list[tuple[Recipe, Planned]] = []
    for moments in MomentFormat:
        kept = 0
        for recompute in (False, True):
            choice = dataclasses.replace(question.recipe, moments=moments, recompute=recompute)
            planned = await largest_shape(device, question.shape, choice, question.vocabulary_bytes)
            # Computing again is worth its time only if it makes room.
            if planned and planned.plan.parameters > kept:
                kept = planned.plan.parameters
                found.append((choice, planned))
    if question.json:
        for choice, (shape, plan) in found:
            print_json(
                {
                    **_memory_options(choice),
                    **dataclasses.asdict(shape),
                    **dataclasses.asdict(plan),
                }
            )
    else:
        _print_largest(device, question.shape, found)
    return bool(found)


def _print_largest(device: Device, base: Shape, found: list[tuple[Recipe, Planned]]) -> None:
    out = console()
    out.print(
        Text(
            f"The largest models with a context of {base.block_size}, "
            f"{counted(base.vocab_size, 'token')} and {counted(base.n_head, 'head')}:",
            QUIET,
        )
    )
    if not found:
        out.print(Text("None fits.", "bold red"))
        return
    table = Table(box=None, header_style=QUIET, padding=(0, 3, 0, 0))
    for name in ("parameters", "layers", "width", "memory", "checkpoint"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("moments", no_wrap=True)
    for choice, (shape, plan) in found:
        table.add_row(
            Text(f"{plan.parameters:,}", f"bold {ACCENT}"),
            str(shape.n_layer),
            str(shape.n_embd),
            byte_count(plan.total_bytes),
            byte_count(plan.checkpoint_bytes),
            choice.moments.name.lower() + (", recompute" if choice.recompute else ""),
        )
    out.print(table)
    hello = device.hello
    slot_bytes = hello.checkpoint_bytes
    plans = [planned.plan for _, planned in found]
    memory = _memory(hello, " of memory")
    if missing := missing_regions(hello):
        out.print(Text(f"{memory}.", QUIET))
        out.print(f"{missing} {OWN_TABLE}")
        return
    remark = f"{memory}, and {byte_count(slot_bytes)} of flash for a checkpoint."
    if any(plan.checkpoint_bytes > slot_bytes for plan in plans):
        remark += " Where that is not enough, the model is lost when the board loses power."
    out.print(Text(remark, QUIET))


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
    out.print(Text(f"{counted(plan.parameters, 'parameter')}", "bold"))
    for name, size in parts.items():
        out.print(_row(name, size, whole, ACCENT))
    out.print(_row("in all", plan.total_bytes, whole, "green" if plan.fits else "red"))
    out.print(Text(f"{_memory(device.hello)}.", QUIET))
    if not plan.fits:
        out.print(Text(f"It does not fit; missing: {byte_count(plan.missing_bytes)}.", "bold red"))
        if changes:
            out.tell(f"The nearest that fits: {' or '.join(changes)}.")
        return
    free = plan.available_bytes - plan.total_bytes
    out.print(Text(f"It fits and leaves {byte_count(free)}.", "bold green"))
    if plan.step_ns and plan.token_ns:
        out.print(
            Text(
                f"Estimated with texts that fill the context: {duration(plan.step_ns / 1e9)} a "
                f"step, {rate(1e9 / plan.token_ns)} tokens/s when it writes.",
                QUIET,
            )
        )
    if missing := missing_regions(device.hello):
        out.print(f"{missing} {OWN_TABLE}")
    elif plan.checkpoint_bytes > device.hello.checkpoint_bytes:
        out.print(
            f"But its checkpoint of {size_in_bytes(plan.checkpoint_bytes)} is larger than the "
            f"{counted(device.hello.checkpoint_bytes, 'byte')} of a slot in flash."
        )


def _memory(hello: Hello, of_what: str = "") -> str:
    blocks, words = hello.memory_blocks, hello.word_memory_bytes
    more = f" and {byte_count(words)} more for packed moments" if words else ""
    return f"The board has {byte_count(sum(blocks))}{of_what} ({byte_counts(blocks)}){more}"


def _print_choices(choices: list[_Choice], asked: Recipe) -> None:
    """What the model needs in all: green if it fits, bold if it was asked about."""
    table = Table(box=None, header_style=QUIET, padding=(0, 3, 0, 0))
    table.add_column("--moments", style=QUIET, no_wrap=True)
    for moments in MomentFormat:
        table.add_column(moments.name.lower(), justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for recompute in dict.fromkeys(choice.recipe.recompute for choice in choices):
        row = [choice for choice in choices if choice.recipe.recompute == recompute]
        cells = []
        for choice in row:
            style = "green" if choice.plan.fits else "red"
            if choice.recipe == asked:
                style = f"bold {style}"
            cells.append(Text(byte_count(choice.plan.total_bytes), style))
        fitting = " ".join(choice.recipe.moments.name.lower() for choice in row if choice.plan.fits)
        remark = f"fits: {fitting}" if fitting else "none fits"
        table.add_row("--recompute" if recompute else "in all", *cells, Text(remark, QUIET))
    console().print(table)


def _row(name: str, size: int, whole: int, style: str) -> Text:
    row = Text.assemble((f"{name:<13}", QUIET), f"{byte_count(size):>10}  ")
    row.append_text(bar(size / whole, _BAR_WIDTH, style))
    row.append(f" {size / whole:4.0%}", QUIET)
    return row
