"""A share of the work is done twice, on two boards: one that computes wrongly is found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidValue
from .board import Done
from .crew import Crew
from .errors import JointError, NoOtherBoard
from .tasks import Trained, TrainPart

_ADVICE = "Examine both with `ugpt doctor`, then resume the run without the wrong one."


def parse_share(text: str) -> float:
    """Such as `10%`. Raises InvalidValue."""
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not text.endswith("%") or not 0 <= share <= 1:
        raise InvalidValue(f"--verify {text} is not a share.", "Give one such as 10%.")
    return share


def is_chosen(share: float, seed: int, task: TrainPart) -> bool:
    """Whether a task is done twice: the same ones whenever the run is repeated."""
    name = f"verify {seed} {task.worker} {task.begin.step}".encode()
    number = int.from_bytes(hashlib.sha256(name).digest()[:8], "big")
    return number < share * 2**64


def digest(trained: Trained) -> str:
    """Of all that a task gives: weights, moments and losses."""
    summed = hashlib.sha256(np.array(trained.losses, dtype="<f4").tobytes())
    checkpoint = trained.checkpoint
    for kind in (checkpoint.weights, checkpoint.first_moment, checkpoint.second_moment):
        for values in kind.values():
            summed.update(values.astype("<f4").tobytes())
    return summed.hexdigest()


@dataclass(frozen=True)
class Verdict:
    """What two boards, and a third one if they disagreed, have found."""

    right: Done[Trained]
    all_done: tuple[Done[Trained], ...]
    wrong: str = ""
    """The board that computes wrongly."""


async def verify(crew: Crew, task: TrainPart, done: Done[Trained]) -> Verdict:
    """Has another board do the task again, and a third one decide if the results differ.

    A board that computes wrongly is taken out. Raises NoOtherBoard if there is no second one, and
    JointError if nobody can tell which one is right.
    """
    second = await crew.do(task, but_not=[done.board])
    if digest(second.value) == digest(done.value):
        return Verdict(done, (done, second))
    try:
        third = await crew.do(task, but_not=[done.board, second.board])
    except NoOtherBoard:
        raise JointError(
            f"{done.board} and {second.board} came to different weights from the same input, and "
            "there is no third board to decide which one is wrong.",
            _ADVICE,
        ) from None
    same = [each for each in (done, second) if digest(each.value) == digest(third.value)]
    if not same:
        raise JointError(
            f"{done.board}, {second.board} and {third.board} came to different weights from the "
            "same input.",
            _ADVICE,
        )
    (right,) = same
    wrong = second if right is done else done
    await crew.take_out(
        wrong.board,
        f"It computes wrongly: {right.board} and {third.board} came to the same weights from the "
        "same input, and it came to others. Examine it with `ugpt doctor`.",
    )
    return Verdict(right, (done, second, third), wrong.board)
