"""Texts that the pretrained model on a board writes."""

from __future__ import annotations

import asyncio
import codecs
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..errors import InvalidValue
from ..rpc import messages
from ..rpc.link import Link, LinkSession
from ..rpc.messages import METHODS, Story, TextEnd
from ..wording import counted
from .text_context import context_blamed, push_blamed

_LOOK_S = 0.03  # a board takes about ten milliseconds for a token
_PROMPT_BYTES = METHODS["text_begin"].param("prompt").range[1]


@dataclass(frozen=True)
class TextWish:
    """What to write, and how. The same wish gives the same text."""

    prompt: str = ""
    seed: int = 0
    temperature: float = 1.0
    """0 takes the likeliest token each time."""
    top_k: int = 0
    top_p: float = 0.9
    max_tokens: int = 0
    """To be drawn; 0 for as many as there is room for."""
    context: int = 0
    """Tokens to have room for; 0: 256, or those the model was trained for if they are fewer."""


class StoryText:
    """A text on a board: begun, and perhaps still being written."""

    def __init__(
        self, link: Link | LinkSession, text_id: int, begun: messages.TextBeginResult
    ) -> None:
        self.story: Story = begun.story
        """The model that writes it, and where its weights lie."""
        self.prompt_tokens = begun.prompt_tokens
        """With the mark of the beginning."""
        self.ended = TextEnd.NONE
        self._link = link
        self._id = text_id
        self._next = begun.prompt_tokens
        self._computed = 0
        self._computed_us = 0

    @property
    def tokens(self) -> int:
        """Those that have been drawn and read."""
        return self._next - self.prompt_tokens

    @property
    def computed_tokens(self) -> int:
        """Those that went through the model, the prompt's too."""
        return self._computed

    @property
    def computed_s(self) -> float:
        """How long that took by the board's own clock."""
        return self._computed_us / 1e6

    @property
    def tokens_per_s(self) -> float:
        return self._computed / self.computed_s if self._computed_us else 0.0

    async def pieces(self) -> AsyncIterator[str]:
        """What follows the prompt, in whole characters, as it is written.

        What is no UTF-8 becomes U+FFFD. After `stop` it gives what had been written.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while self.ended is TextEnd.NONE:
            read = await self._link.call(messages.text_read(self._id, self._next))
            self._next, self.ended = read.next, read.ended
            self._computed, self._computed_us = read.computed, read.computed_us
            if piece := decoder.decode(read.text, final=read.ended is not TextEnd.NONE):
                yield piece
            elif read.ended is TextEnd.NONE:
                await asyncio.sleep(_LOOK_S)

    async def stop(self) -> None:
        """Ends it between two tokens, unless it has ended."""
        await self._link.call(messages.text_stop(self._id))


async def begin_text(link: Link | LinkSession, wish: TextWish) -> StoryText:
    """Begins a text; raises InvalidValue, and DeviceError if the board cannot write it."""
    prompt = wish.prompt.encode("utf-8", "surrogateescape")
    if len(prompt) > _PROMPT_BYTES:
        raise InvalidValue(
            f"The prompt has {counted(len(prompt), 'byte')}, but a board takes {_PROMPT_BYTES:,} "
            "at most.",
            "Shorten it.",
        )
    text_id = 1 + secrets.randbelow(2**32 - 1)
    call = messages.text_begin(
        text_id, prompt, wish.seed, wish.temperature, wish.top_k, wish.top_p, wish.max_tokens,
        wish.context,
    )  # fmt: skip
    async with push_blamed(link), context_blamed(link, wish.context):
        return StoryText(link, text_id, await link.call(call))
