"""A display that fails shows nothing more, says so once, and harms nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

import pytest

from ugpt.training.events import Event, Notice
from ugpt.view.display import Harmless
from ugpt.view.state import Action, Control
from ugpt.view.streams import OutputLost

ERRORS = [OutputLost(BrokenPipeError(32, "Broken pipe")), ZeroDivisionError("by zero")]


class Failing(AbstractAsyncContextManager["Failing"]):
    """Fails in one of its methods, each time."""

    def __init__(self, where: str, error: Exception) -> None:
        self.where, self.error = where, error
        self.called: list[str] = []

    def _call(self, name: str) -> None:
        self.called.append(name)
        if name == self.where:
            raise self.error

    def show(self, event: Event) -> None:
        self._call("show")

    def offer(self, controls: Mapping[Action, Control]) -> None:
        self._call("offer")

    async def __aenter__(self) -> Self:
        self._call("enter")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._call("exit")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("where", "called"),
    [
        ("enter", ["enter", "exit"]),
        ("offer", ["enter", "offer", "exit"]),
        ("show", ["enter", "offer", "show", "exit"]),
        ("exit", ["enter", "offer", "show", "show", "exit"]),
    ],
)
async def test_a_failure_is_told_once(
    capsys: pytest.CaptureFixture[str], where: str, called: list[str], error: Exception
) -> None:
    failing = Failing(where, error)
    async with Harmless(failing) as display:
        display.offer({})
        display.show(Notice("one"))
        display.show(Notice("two"))
    assert failing.called == called
    said = capsys.readouterr().err
    assert said.count("Nothing more is shown.") == 1
    assert ("please report it" in said) is isinstance(error, ZeroDivisionError)


async def test_an_error_of_the_run_is_not_the_display_s() -> None:
    failing = Failing("nowhere", ERRORS[0])
    with pytest.raises(ZeroDivisionError):
        async with Harmless(failing):
            raise ZeroDivisionError
    assert failing.called == ["enter", "exit"]
