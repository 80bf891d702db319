"""Why a board cannot write with a pretrained model: its context, or a push that was interrupted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import UnfitValue
from ..rpc import messages
from ..rpc.errors import BadParams, DeviceError, DoesNotFit, NoStory
from ..rpc.link import Link, LinkSession
from ..wording import counted

_USUAL = 256
"""Tokens that a device takes if it is told of none and the model was trained for as many."""
_LEAST = 2
"""The mark of the beginning, and a token."""


async def largest_context(link: Link | LinkSession, most: int) -> int:
    """Up to `most`, the tokens that the memory has room for; 0 if it has for none."""
    low, high = _LEAST - 1, most
    while low < high:
        middle = (low + high + 1) // 2
        if await _fits(link, middle):
            low = middle
        else:
            high = middle - 1
    return low if low >= _LEAST else 0


async def _fits(link: Link | LinkSession, context: int) -> bool:
    try:
        await link.call(messages.text_plan(context))
    except (BadParams, DoesNotFit):  # more than the model was trained for, or than there is room
        return False
    return True


@asynccontextmanager
async def context_blamed(link: Link | LinkSession, context: int) -> AsyncIterator[None]:
    """Raises UnfitValue if a device refuses what was asked because of this context."""
    try:
        yield
    except BadParams as error:
        if not error.detail:
            raise
        raise UnfitValue(
            f"The model was trained for texts of {counted(error.detail, 'token')}, not of "
            f"{context:,}.",
            await _advice(link, error.detail),
        ) from error
    except DoesNotFit as error:
        blocks = link.hello.memory_blocks if link.hello else ()
        texts = f"Texts of {context:,} tokens" if context else "Texts of the usual length"
        raise UnfitValue(
            f"{texts} need {counted(error.missing_bytes, 'byte')} more than the {sum(blocks):,} of "
            "memory that the device has.",
            await _advice(link, context or _USUAL),
        ) from error


@asynccontextmanager
async def push_blamed(link: Link | LinkSession) -> AsyncIterator[None]:
    """Says of a model that is not there whether it has come in part."""
    try:
        yield
    except NoStory as error:
        try:
            stored = await link.call(messages.image_info())
        except DeviceError:
            raise error from None
        raise NoStory(
            error.code,
            f"The push of {stored.name or 'a model'} to this board was interrupted",
            advice="Push the same file again: it goes on where it ended.",
        ) from error


async def _advice(link: Link | LinkSession, most: int) -> str:
    largest = await largest_context(link, most)
    return f"Give --context {largest} at most." if largest else "Push a smaller model."
