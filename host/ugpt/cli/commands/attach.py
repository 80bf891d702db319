"""Watch a run that was started with --detach.

Shows the whole loss curve and completes the run folder at the end. Ctrl-C stops watching; the
board keeps training.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ...device.followed_target import FollowedTarget
from ...device.target import Target
from ...device.virtual import IN_MEMORY, kept_flash
from ...runs.errors import RunError
from ...runs.folder import Run
from ...runs.naming import find_folder
from ...runs.registry import find_run
from ...training.detach import Detached
from ...training.events import OnEvent
from ...training.follow import Attachment, Following
from ...training.kinds import require_single
from ...training.reopen import load_dataset
from ...training.session import Session
from ...training.wishes import Wish
from ...view.display import Display, make_display
from ...view.output import console, pasteable, say
from ...view.state import Action, Control
from ...wording import command as command_line
from ..display import OutputGroup
from ..options import Pace, TargetGroup, paced, run
from ..run_names import run_option
from ..texts import MovedTexts

EXAMPLES = [
    "ugpt train names --detach",
    "ugpt attach     # the whole curve; Ctrl-C leaves, and the board goes on",
    "ugpt attach --port /dev/ttyUSB0 --run names-20260101-120000",
]

VIRTUAL_REMARK = (
    "The virtual device stops when this command exits; the run is saved and continues the next "
    "time ugpt uses it. To keep one running: `ugpt sim`."
)

FORGETFUL_REMARK = (
    "The virtual device stops when this command exits, and the run is lost, because its flash is "
    "not kept. To keep one running: `ugpt sim --flash FILE`."
)


def command(
    *,
    target: TargetGroup,
    folder: Annotated[
        Path | None,
        run_option("--run", help="Name or folder of the run. Default: the run on the board."),
    ] = None,
    data: MovedTexts = None,
    output: OutputGroup,
    pace: Pace = False,
) -> None:
    target = replace(target, pace=pace)
    folder = find_folder(folder) if folder else None
    display = make_display(output.mode)
    attachment = Attachment(
        FollowedTarget(target).connect,
        partial(_open, folder, data or [], display.show, target.port is not None),
        display.show,
    )
    try:
        ending = run(_attach(attachment, display))
    except typer.Exit:
        if attachment.run_followed:
            again = command_line("attach", *paced(target))
            say(f"Left after step {attachment.step:,}; the board goes on. Again: {again}")
            _remark_on_virtual(target)
        raise
    if ending is Following.STOPPED and (followed := attachment.run_followed):
        raise RunError(
            f"The run was stopped after step {attachment.step:,}; its losses are in "
            f"{followed.path}, and the board keeps the model.",
            "Go on with it: "
            + command_line("train", "--resume", followed.path, *target.option, "--detach"),
        )


def say_detached(started: Detached, target: Target) -> None:
    """What somebody should know who has just started a run and leaves it alone."""
    out = console()
    out.tell(f"started on {started.device}")
    out.tell(f"it trains by itself now: step {started.step:,} of {started.total_steps:,}")
    folder = () if started.remembered else ("--run", started.run)
    out.tell(pasteable(f"watch it: {command_line('attach', *paced(target), *folder)}"))
    if not _is_forgetful(target):
        say(
            "The cable can be pulled, and after a power cut the board goes on from its last "
            f"checkpoint. Attaching completes {started.run}."
        )
    _remark_on_virtual(target)


async def _attach(attachment: Attachment, display: Display) -> Following:
    task = asyncio.current_task()
    assert task is not None
    async with display:
        display.offer(
            {
                Action.SAMPLE: Control("sample", partial(attachment.request, Wish.SAMPLE)),
                Action.LETTERS: Control("letters", partial(attachment.request, Wish.LETTERS)),
                Action.STOP: Control("leave", task.cancel),
            }
        )
        return await attachment.run()


def _open(
    folder: Path | None, data: Sequence[Path], emit: OnEvent, may_move: bool, run_id: int
) -> Session:
    """The folder and the text of the run on the board."""
    run = Run.open(folder) if folder else find_run(run_id)
    if run is None:
        raise RunError(
            f"No run folder here belongs to the run on the board (number {run_id:08x}).",
            "Name it: ugpt attach --run RUN",
        )
    require_single(run)
    dataset = load_dataset(run, data, "ugpt attach --data FILE")
    return Session(run, dataset, emit, may_move=may_move)


def _remark_on_virtual(target: Target) -> None:
    if target.choose().is_virtual:
        say(FORGETFUL_REMARK if _is_forgetful(target) else VIRTUAL_REMARK)


def _is_forgetful(target: Target) -> bool:
    """Whether it is the virtual device, and what it holds goes with it."""
    return target.choose().is_virtual and kept_flash(target.board)[0] == IN_MEMORY
