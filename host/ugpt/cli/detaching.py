"""Brings a run onto a board that goes on with it by itself, and shows how far that is."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ..device.client import Device
from ..device.followed_target import FollowedTarget
from ..device.target import Target
from ..training.detach import Detached, detach
from ..training.events import Event, Interrupted, Notice, Purpose, Transfer
from ..training.retry import Retry
from ..training.session import Session
from ..view.output import say
from ..view.progress import byte_progress


async def detach_shown(session: Session, target: Target, may_overwrite: bool) -> Detached:
    """Starts the run of `session` on the device at `target`."""
    with byte_progress(f"{session.dataset.title} to the board") as progress:

        def show(event: Event) -> None:
            if isinstance(event, Transfer) and event.purpose == Purpose.PUSH:
                progress(event.done_bytes, event.total_bytes)
            else:
                _remark(event)

        allowed = replace(session, emit=show, may_overwrite=may_overwrite)

        async def start(device: Device) -> Detached:
            return await detach(device, allowed)

        connect = FollowedTarget(target).connect
        with session.run.alone():
            retry = Retry(connect, _remark, step=lambda: 0, stop=asyncio.Event())
            started = await retry.run(start)
    assert started is not None  # nobody asks for a stop
    return started


def _remark(event: Event) -> None:
    """What a person should know while a run is brought onto a board."""
    if isinstance(event, Notice):
        say(event.text)
    elif isinstance(event, Interrupted):
        say(f"{event.reason} Trying again.")
