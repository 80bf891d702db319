"""Where the pretrained model on a board lies while it writes, and what a token takes."""

from __future__ import annotations

from dataclasses import dataclass

from ..rpc import messages
from ..rpc.errors import ProtocolError
from ..rpc.link import Link, LinkSession
from .text_context import context_blamed, push_blamed

_HOMES_PER_ANSWER = messages.TEXT_PLAN["homes"].range[1]
_MOST_TENSORS = 3 + 9 * 0xFFFF
"""Of the deepest model that an image can hold."""


@dataclass(frozen=True)
class TextPlace:
    """A block of memory, or the flash."""

    name: str
    """As the maker of the chip calls it."""
    size_bytes: int
    """That models such as this can use."""
    weights_bytes: int
    """Of the model's weights."""
    read_bytes_per_token: int
    """Of its weights, for each token."""


@dataclass(frozen=True)
class TextPlan:
    """What texts with room for so many tokens take. The last three are estimates."""

    context: int
    """Tokens, those of the prompt and the mark of the beginning included."""
    cache_bytes: int
    """Keys and values."""
    activations_bytes: int
    places: tuple[TextPlace, ...]
    """The flash is the last."""
    homes: tuple[int, ...]
    """The place of each tensor, by its number among `places`, in the order of the image."""
    cores: int
    """That share the work."""
    flash_bytes_per_s: int | None
    """None for a chip of which nothing is known; so with the next two."""
    instructions_per_token: int | None
    """On average over a text that fills the context."""
    token_s: float | None

    @property
    def flash_bytes_per_token(self) -> int:
        return self.places[-1].read_bytes_per_token

    @property
    def tokens_per_s(self) -> float | None:
        return None if self.token_s is None else 1 / self.token_s


async def text_plan(link: Link | LinkSession, context: int) -> TextPlan:
    """Raises DeviceError, UnfitValue for a context that cannot be, and ProtocolError."""
    async with push_blamed(link), context_blamed(link, context):
        told = await link.call(messages.text_plan(context))
        homes = part = told.homes
        while len(part) == _HOMES_PER_ANSWER and len(homes) < _MOST_TENSORS:
            part = (await link.call(messages.text_plan(context, len(homes)))).homes
            homes += part
    names = told.places.split(",")
    if not len(names) == len(told.size_bytes) == len(told.weights_bytes) == len(told.read_bytes):
        raise ProtocolError("The device tells of places for weights without their sizes.")
    if any(home >= len(names) for home in homes):
        raise ProtocolError("The device tells of weights in a place that it does not have.")
    places = map(TextPlace, names, told.size_bytes, told.weights_bytes, told.read_bytes)
    return TextPlan(
        told.context,
        told.cache_bytes,
        told.activations_bytes,
        tuple(places),
        tuple(homes),
        told.cores,
        told.flash_bytes_per_s or None,
        told.instructions or None,
        told.token_ns / 1e9 if told.token_ns else None,
    )
