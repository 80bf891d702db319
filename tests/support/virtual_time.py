"""Event loops whose time is the test's: no test waits for a timeout to pass."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec

P = ParamSpec("P")

_STUCK_S = 10.0  # of real time without a timer and without input


class _LeapingSelector(selectors.DefaultSelector):
    """Reports what is ready; if nothing is, moves the time on instead of waiting."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            ready = super().select(_STUCK_S)
            assert ready, "the test waits for something that cannot happen any more"
            return ready
        self.now_s += timeout
        return []


class LeapingLoop(asyncio.SelectorEventLoop):
    """For lines in memory: whenever all wait, time leaps to the next timer."""

    def __init__(self) -> None:
        self._leaping = _LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now_s

    def push(self, seconds: float) -> None:
        """Lets time pass with nothing done, as for a computer that was suspended."""
        self._leaping.now_s += seconds


class PushedLoop(asyncio.SelectorEventLoop):
    """For real ports and processes: time passes as usual, and `push` moves it on."""

    _pushed_s = 0.0

    def time(self) -> float:
        return super().time() + self._pushed_s

    def push(self, seconds: float) -> None:
        self._pushed_s += seconds


def leaping(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Runs a test on a LeapingLoop."""
    return _on(LeapingLoop, test)


def pushed(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Runs a test on a PushedLoop."""
    return _on(PushedLoop, test)


def push(seconds: float) -> None:
    """Moves the time of the running loop on."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LeapingLoop | PushedLoop)
    loop.push(seconds)


async def settle(rounds: int = 20) -> None:
    """Lets all that can go on without waiting go on."""
    for _ in range(rounds):
        await asyncio.sleep(0)


def _on(
    make_loop: Callable[[], asyncio.AbstractEventLoop], test: Callable[P, Awaitable[None]]
) -> Callable[P, None]:
    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def main() -> None:
            await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(main())

    return run
