"""How fast the pretrained model on a device writes, and on what it spends its time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ..device.client import Device
from ..device.stories import TextWish

# What a token spends its time on, and the field of the profile that has it.
_PHASES = {
    "embedding": "embedding",
    "attention": "attention",
    "mlp": "mlp",
    "logits": "loss",
    "choice": "choice",
}


@dataclass(frozen=True)
class TokenPhases:
    """Where the time of a token goes."""

    tick_hz: int
    """Ticks a second: the clock of the core if it counts its cycles."""
    tokens: int
    ticks_per_token: dict[str, float]


@dataclass(frozen=True)
class StoryMeasurement:
    """All that `measure_stories` finds out."""

    device: str
    model: str
    context: int
    texts: int
    tokens: int
    """That went through the model."""
    duration_s: float
    """By the clock of the device."""
    tokens_per_s: float
    estimated_tokens_per_s: float | None
    """Of texts that fill the context, on the chip that the device is or stands for; None if nothing
    is known of it."""
    phases: TokenPhases

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


async def measure_stories(
    device: Device, context: int, duration_s: float, on_part: Callable[[str], None]
) -> StoryMeasurement:
    """Measures each part for about `duration_s` and calls `on_part` with what comes next.

    The texts are those of the seeds from 0 on, with room for `context` tokens, 0 as in TextWish.
    Raises NoStory if there is no model on the device, Busy while it trains another one.
    """
    plan = await device.text_plan(context)
    on_part("stories")
    written = await _write(device, plan.context, duration_s)
    on_part("token_phases")
    phases = await _measure_phases(device, plan.context, duration_s)
    return StoryMeasurement(
        device.description,
        written.model,
        plan.context,
        written.texts,
        written.tokens,
        written.duration_s,
        written.tokens / written.duration_s if written.duration_s else 0.0,
        plan.tokens_per_s,
        phases,
    )


@dataclass
class _Written:
    model: str = ""
    texts: int = 0
    tokens: int = 0
    duration_s: float = 0.0


async def _write(device: Device, context: int, duration_s: float) -> _Written:
    """Texts one after another; the last is stopped when the time is over."""
    written = _Written()
    started_s = time.perf_counter()
    for seed in itertools.count():
        text = await device.begin_text(TextWish(seed=seed, context=context))
        try:
            async for _ in text.pieces():
                if time.perf_counter() - started_s >= duration_s:
                    break
        finally:
            await text.stop()
        written.model = text.story.name
        written.texts += 1
        written.tokens += text.computed_tokens
        written.duration_s += text.computed_s
        if time.perf_counter() - started_s >= duration_s:
            break
    return written


async def _measure_phases(device: Device, context: int, duration_s: float) -> TokenPhases:
    await device.profile(True)
    try:
        await _write(device, context, duration_s)
    finally:
        profile = await device.profile(False)
    tokens = max(1, profile.tokens)
    ticks = {name: getattr(profile, field) / tokens for name, field in _PHASES.items()}
    return TokenPhases(profile.tick_hz, profile.tokens, ticks)
