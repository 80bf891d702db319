"""Coroutines for programs without asyncio, and for notebooks, in which a loop runs already.

The thread here is the only one of the package: a loop that runs cannot wait for another one, so the
coroutine gets a loop in a thread of its own, while the caller waits.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_LOOK_S = 0.1


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The same function for callers that wait; it has the signature and the annotations."""

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        return wait_for(function(*arguments, **options))

    return call


def wait_for(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end. Ctrl-C cancels it, waits for its end, and goes on up."""
    return _wait_in_thread(coroutine) if _loop_runs() else asyncio.run(coroutine)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _wait_in_thread(coroutine: Coroutine[Any, Any, T]) -> T:
    started: Future[Callable[[], object]] = Future()
    ended: Future[T] = Future()

    async def cancellable() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        started.set_result(lambda: loop.call_soon_threadsafe(task.cancel))
        return await coroutine

    def work() -> None:
        try:
            ended.set_result(asyncio.run(cancellable()))
        except BaseException as error:
            ended.set_exception(error)

    thread = Thread(target=work, name="ugpt")
    try:
        thread.start()
        _await(ended)
        return ended.result()
    except (KeyboardInterrupt, SystemExit):
        # It may come before the coroutine has begun, which is cancelled then as it begins.
        if not ended.done():
            started.add_done_callback(lambda cancel: cancel.result()())
            _await(ended)
        raise


def _await(ended: Future[T]) -> None:
    """Until it is done. Ctrl-C is heard within a moment.

    One that comes just before a wait begins would be heard only after it, and on Windows so would
    any other.
    """
    while not wait([ended], _LOOK_S).done:
        pass
