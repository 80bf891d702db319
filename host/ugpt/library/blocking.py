"""Coroutines for programs without asyncio, and for notebooks, in which a loop runs already.

The thread here is the only one of the package: a loop that runs cannot wait for another one, so the
coroutine gets a loop in a thread of its own, while the caller waits.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The same function for callers that wait; it has the signature and the annotations."""

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        return wait_for(function(*arguments, **options))

    return call


def wait_for(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end. Ctrl-C cancels it, waits for its end, and goes on up."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1, thread_name_prefix="ugpt") as pool:
        return _wait_in(pool, coroutine)


def _wait_in(pool: ThreadPoolExecutor, coroutine: Coroutine[Any, Any, T]) -> T:
    started: Future[Callable[[], object]] = Future()

    async def cancellable() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        started.set_result(lambda: loop.call_soon_threadsafe(task.cancel))
        return await coroutine

    ended = pool.submit(lambda: asyncio.run(cancellable()))
    try:
        return ended.result()
    except BaseException:
        if not ended.done():
            cancel = started.result()
            cancel()
            wait([ended])
        raise
