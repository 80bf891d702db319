"""What the rounds need of the boards, whoever brings them together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

from .board import Done
from .tasks import Task

T = TypeVar("T")


class Crew(Protocol):
    """Boards that do tasks, in any order, as they are free."""

    @property
    def boards(self) -> Sequence[str]:
        """The names of those that are there now."""

    async def do(self, task: Task[T], *, but_not: Collection[str] = ()) -> Done[T]:
        """Has a board do a task, and another one if that is lost; `but_not` do not count.

        A board that cannot do it is taken out. Raises NoBoards if no board is left at all,
        NoOtherBoard if only those are left that do not count.
        """

    async def examine(self, task: Task[T]) -> Sequence[Done[T]]:
        """Has every board do a task; those that cannot are taken out. Raises NoBoards."""

    async def take_out(self, board: str, reason: str) -> None:
        """Lets a board do no more tasks."""
