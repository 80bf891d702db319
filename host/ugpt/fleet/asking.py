"""One question to the boards at many places, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from ..concurrency import run_together
from ..device.client import Device
from ..errors import UgptError
from ..rpc.errors import NoAnswer, PortBusy, where_to_look
from ..rpc.messages import FIRST_BAUD
from .places import Place

T = TypeVar("T")

_ANSWER_TIMEOUT_S = 8.0
_RATE_TIMEOUT_S = 20.0  # a bad line fails the trial of each rate
_AT_ONCE = 16  # each takes a process or a connection


async def ask_each(
    places: Sequence[Place],
    question: Callable[[Device], Awaitable[T]],
    *,
    at_first_rate: bool = True,
) -> list[T | UgptError]:
    """What each of them answers, or why it does not, in the order of the places.

    No board is restarted. Unless `at_first_rate` is true, the highest rate is looked for, which
    takes a moment.
    """
    turns = asyncio.Semaphore(_AT_ONCE)

    async def ask_in_turn(place: Place) -> T | UgptError:
        async with turns:
            return await _ask(place, question, at_first_rate)

    answers: list[T | UgptError] = await run_together(*map(ask_in_turn, places))
    # One board at two addresses is in use by ourselves while it is asked at the first of them.
    for index, answer in enumerate(answers):
        if isinstance(answer, PortBusy):
            answers[index] = await _ask(places[index], question, at_first_rate)
    return answers


async def _ask(
    place: Place, question: Callable[[Device], Awaitable[T]], at_first_rate: bool
) -> T | UgptError:
    baud = FIRST_BAUD if at_first_rate else place.target.baud
    target = replace(place.target, baud=baud, no_reset=True)
    timeout_s = _ANSWER_TIMEOUT_S if at_first_rate else _RATE_TIMEOUT_S
    try:
        async with asyncio.timeout(timeout_s), target.connect() as device:
            return await question(device)
    except TimeoutError:
        return NoAnswer(
            f"Nothing answers on {place.where} within {timeout_s:.0f} seconds.",
            f"{where_to_look(place.where)}, and try again.",
        )
    except UgptError as error:
        return error
