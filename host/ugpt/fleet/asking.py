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
_AT_ONCE = 16  # each takes a process or a connection


async def ask_each(
    places: Sequence[Place], question: Callable[[Device], Awaitable[T]]
) -> list[T | UgptError]:
    """What each of them answers, or why it does not, in the order of the places.

    A board is left as it is found: it is asked at the first rate, and not restarted.
    """
    turns = asyncio.Semaphore(_AT_ONCE)

    async def ask_in_turn(place: Place) -> T | UgptError:
        async with turns:
            return await _ask(place, question)

    answers: list[T | UgptError] = await run_together(*map(ask_in_turn, places))
    # One board at two addresses is in use by ourselves while it is asked at the first of them.
    for index, answer in enumerate(answers):
        if isinstance(answer, PortBusy):
            answers[index] = await _ask(places[index], question)
    return answers


async def _ask(place: Place, question: Callable[[Device], Awaitable[T]]) -> T | UgptError:
    target = replace(place.target, baud=FIRST_BAUD, no_reset=True)
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S), target.connect() as device:
            return await question(device)
    except TimeoutError:
        return NoAnswer(
            f"Nothing answers on {place.where} within {_ANSWER_TIMEOUT_S:.0f} seconds.",
            f"{where_to_look(place.where)}, and try again.",
        )
    except UgptError as error:
        return error
