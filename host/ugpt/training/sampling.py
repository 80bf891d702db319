"""Texts from the model on a device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..data.microgpt_random import MicrogptRandom
from ..data.vocabulary import Vocabulary
from ..device.client import Device
from ..device.tensors import decode_tokens, encode_tokens
from ..errors import InvalidValue, UnfitValue
from ..rpc.errors import ProtocolError
from ..wording import counted

TEMPERATURE = 0.5


@dataclass(frozen=True)
class SampledText:
    """One text: the prompt and what the model made of it."""

    number: int
    """Which of the texts of its seed."""
    text: str
    ended: bool
    """Whether the model ended it, rather than the context being full."""


async def sample_texts(
    device: Device,
    count: int,
    *,
    seed: int,
    first: int = 0,
    temperature: float = TEMPERATURE,
    prompt: str = "",
    top_k: int = 0,
    top_p: float = 1.0,
) -> AsyncIterator[SampledText]:
    """Yields texts number `first`.. of `seed`, in order; each depends on its own number only.

    A temperature of 0 takes the likeliest character each time, `top_k` draws from as many of the
    likeliest only (0: from all), and `top_p` from the fewest that have this share of the
    probability.

    A prompt is tried in the form of the data, composed or decomposed, or in small letters.
    Raises DataError for a prompt with a character that the model does not know, UnfitValue for
    one that fills the context.
    """
    shape = (await device.model_info()).shape
    vocabulary = Vocabulary(await device.vocabulary())
    prompt = vocabulary.adapt(prompt)
    tokens = vocabulary.encode(prompt)
    if len(tokens) >= shape.block_size:
        raise UnfitValue(
            f"The prompt has {counted(len(tokens), 'character')}, but the context of the model "
            f"only {shape.block_size}.",
            f"Shorten it to {shape.block_size - 1} at most.",
        )
    packed = encode_tokens(tokens, vocabulary.size)

    async def one(number: int) -> SampledText:
        sampled = await device.sample(seed, number, temperature, packed, top_k=top_k, top_p=top_p)
        text = "".join(_characters(vocabulary, sampled.tokens))
        return SampledText(number, prompt + text, sampled.ended)

    # Twice the window keeps the device busy while the answers before are shown.
    batch = 2 * device.hello.window
    for start in range(first, first + count, batch):
        stop = min(start + batch, first + count)
        for text in await asyncio.gather(*(one(number) for number in range(start, stop))):
            yield text


async def sample_like_microgpt(
    device: Device,
    count: int,
    vocabulary: Vocabulary,
    block_size: int,
    generator: MicrogptRandom,
) -> list[str]:
    """Texts drawn with the uniforms of Karpathy's program, one after the other as it does."""
    texts = []
    for number in range(count):
        uniforms = generator.peek_uniforms(block_size)
        sampled = await device.sample(0, number, TEMPERATURE, b"", uniforms)
        characters = _characters(vocabulary, sampled.tokens)
        generator.take_uniforms(len(characters) + sampled.ended)
        texts.append("".join(characters))
    return texts


def _characters(vocabulary: Vocabulary, tokens: bytes) -> list[str]:
    """What a device has drawn; raises ProtocolError for what is in no vocabulary."""
    try:
        return [vocabulary.decode([token]) for token in decode_tokens(tokens, vocabulary.size)]
    except (IndexError, InvalidValue):
        raise ProtocolError("The device drew a token that its model does not have.") from None
