"""Whether a shape fits a device, and which shape near it does."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from ..device.client import Device
from ..errors import InvalidValue
from ..rpc.codec import encode_record
from ..rpc.errors import DoesNotFit
from ..rpc.messages import SHAPE, ErrorCode, Plan, Recipe, Shape
from ..wording import counted

LAYERS_MAX = SHAPE["n_layer"].range[1]
WIDTH_MAX = SHAPE["n_embd"].range[1]

FEWER_CHARACTERS = (
    "Use a text with fewer characters (`ugpt data check` names the rare ones; --lower may help)"
)
"""What to do about an alphabet that is too large."""


class Planned(NamedTuple):
    """A shape and what it costs."""

    shape: Shape
    plan: Plan


def check_shape(shape: Shape) -> None:
    """Raises InvalidValue if the numbers contradict each other or no device could take them."""
    encode_record(shape)
    if shape.n_embd % shape.n_head:
        below = shape.n_embd - shape.n_embd % shape.n_head
        widths = [str(width) for width in (below, below + shape.n_head) if 0 < width <= WIDTH_MAX]
        heads = max(n for n in range(1, shape.n_head + 1) if shape.n_embd % n == 0)
        raise InvalidValue(
            f"A width of {shape.n_embd} cannot be divided among {shape.n_head} heads.",
            f"Try --n-embd {' or '.join(widths)}, or --n-head {heads}.",
        )


async def require_fit(device: Device, shape: Shape, recipe: Recipe, vocabulary_bytes: int) -> Plan:
    """The plan of a model that fits. Raises DoesNotFit, by how much and what does, else."""
    check_shape(shape)
    plan = await device.plan(shape, recipe, vocabulary_bytes)
    if plan.fits:
        return plan
    nearest = await nearest_shapes(device, shape, recipe, vocabulary_bytes)
    changes = " or ".join(describe_change(shape, other) for other in nearest)
    alphabet = await alphabet_that_fits(device, Planned(shape, plan), recipe, vocabulary_bytes)
    if alphabet is not None:
        advice = f"{describe_alphabet(shape, alphabet)} {FEWER_CHARACTERS}"
        advice += f", or try {changes}." if changes else "."
    elif changes:
        advice = f"The nearest that fits: {changes}."
    else:
        advice = "Choose a smaller shape in more than one respect; `ugpt plan` shows what it takes."
    raise DoesNotFit(ErrorCode.DOES_NOT_FIT, "", plan.missing_bytes, advice)


async def alphabet_that_fits(
    device: Device, planned: Planned, recipe: Recipe, vocabulary_bytes: int
) -> int | None:
    """How many characters would fit in a shape that is too large because of its alphabet.

    None if the alphabet is not the cause: it takes less than half of the model, or even one
    character does not fit.
    """
    shape, plan = planned
    if 2 * (2 * shape.vocab_size * shape.n_embd) < plan.parameters:  # embeddings and logits
        return None
    characters = shape.vocab_size - 1

    async def fits(count: int) -> bool:
        smaller = dataclasses.replace(shape, vocab_size=count + 1)
        text_bytes = -(-vocabulary_bytes * count // characters)
        return (await device.plan(smaller, recipe, text_bytes)).fits

    return await _largest_number(characters, fits) or None


def describe_alphabet(shape: Shape, fitting: int) -> str:
    """A sentence that names the alphabet as the cause."""
    return (
        f"The cause is the alphabet: of its {counted(shape.vocab_size - 1, 'character')}, this "
        f"shape has room for {fitting:,}."
    )


async def nearest_shapes(
    device: Device, shape: Shape, recipe: Recipe, vocabulary_bytes: int
) -> list[Shape]:
    """Shapes that fit and differ from `shape` in one number, as little as possible."""

    async def fits(other: Shape) -> bool:
        return (await device.plan(other, recipe, vocabulary_bytes)).fits

    def wide(units: int) -> Shape:
        return dataclasses.replace(shape, n_embd=units * shape.n_head)

    def deep(n_layer: int) -> Shape:
        return dataclasses.replace(shape, n_layer=n_layer)

    def long(block_size: int) -> Shape:
        return dataclasses.replace(shape, block_size=block_size)

    found = [
        await _largest(wide, shape.n_embd // shape.n_head, fits),
        await _largest(deep, shape.n_layer, fits),
        await _largest(long, shape.block_size, fits),
    ]
    return [other for other in found if other is not None]


async def largest_shape(
    device: Device, base: Shape, recipe: Recipe, vocabulary_bytes: int
) -> Planned | None:
    """The shape with the most parameters that fits; the heads, block size and vocabulary of `base`.

    Walks down along the border of what the memory holds: the more layers, the narrower. Not all
    that is small enough in sum fits into the memory's blocks, so that the shapes below are tried.
    """

    async def plan(n_layer: int, units: int) -> Planned:
        shape = dataclasses.replace(base, n_layer=n_layer, n_embd=units * base.n_head)
        return Planned(shape, await device.plan(shape, recipe, vocabulary_bytes))

    async def small_enough(n_layer: int, units: int) -> bool:
        needs = (await plan(n_layer, units)).plan
        return needs.total_bytes <= needs.available_bytes

    best: Planned | None = None
    border = await _largest_number(WIDTH_MAX // base.n_head + 1, partial(small_enough, 1))
    for n_layer in range(1, LAYERS_MAX + 1):
        while border and not await small_enough(n_layer, border):
            border -= 1
        for units in range(border, 0, -1):
            planned = await plan(n_layer, units)
            if best and planned.plan.parameters <= best.plan.parameters:
                break
            if planned.plan.fits:
                best = planned
                break
    return best


def describe_change(shape: Shape, other: Shape) -> str:
    """The options that turn `shape` into `other`, such as `--n-embd 28`."""
    return " ".join(
        f"--{field.name.replace('_', '-')} {getattr(other, field.name)}"
        for field in dataclasses.fields(Shape)
        if getattr(other, field.name) != getattr(shape, field.name)
    )


async def _largest(
    make: Callable[[int], Shape], above: int, fits: Callable[[Shape], Awaitable[bool]]
) -> Shape | None:
    """The shape of the largest number below `above` that fits, given that more never takes less."""
    number = await _largest_number(above, lambda number: fits(make(number)))
    return make(number) if number else None


async def _largest_number(above: int, fits: Callable[[int], Awaitable[bool]]) -> int:
    """The largest number below `above` that fits, 0 if none does."""
    low, high = 0, above
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if await fits(middle) else (low, middle)
    return low
