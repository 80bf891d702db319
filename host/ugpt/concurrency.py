"""Running coroutines side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_together(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    """Starts all of them, in order, and returns their results in the same order.

    The first error ends the others and is raised as it is. Unlike `asyncio.TaskGroup` this never
    cancels the calling task: up to Python 3.11.2 a group leaves that task's count of cancellations
    raised, and every `asyncio.timeout` in it fails from then on.
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    if not tasks:
        return []
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        return [task.result() for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
