"""Three ways to show a run: live, as text lines, as JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from enum import Enum
from typing import Any, Protocol, Self

from ..training.events import Event
from .capability import can_redraw
from .live import LiveDisplay
from .output import say
from .plain import JsonDisplay, PlainDisplay
from .state import Action, Control
from .streams import OutputLost


class Mode(Enum):
    """How a run is shown."""

    LIVE = "live"
    PLAIN = "plain"
    JSON = "json"


class Display(AbstractAsyncContextManager["Display"], Protocol):
    """Hears of every event of a run."""

    def show(self, event: Event) -> None: ...

    def offer(self, controls: Mapping[Action, Control]) -> None:
        """What can be asked of the run from the keyboard, if the display has one."""


def choose_mode(plain: bool, json: bool) -> Mode:
    """Live if the terminal can do it, unless told otherwise."""
    if json:
        return Mode.JSON
    return Mode.LIVE if not plain and can_redraw() else Mode.PLAIN


def make_display(
    mode: Mode,
    live: Callable[[], Display] = LiveDisplay,
    plain: Callable[[], Display] = PlainDisplay,
) -> Display:
    """For a run of one board, unless others are given."""
    makers = {Mode.LIVE: live, Mode.PLAIN: plain, Mode.JSON: JsonDisplay}
    return Harmless(makers[mode]())


class Harmless:
    """A display that shows nothing from its first failure on, and lets the run go on."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._failed = False

    def show(self, event: Event) -> None:
        if not self._failed:
            with self._told():
                self._display.show(event)

    def offer(self, controls: Mapping[Action, Control]) -> None:
        if not self._failed:
            with self._told():
                self._display.offer(controls)

    async def __aenter__(self) -> Self:
        with self._told():
            await self._display.__aenter__()
        return self

    async def __aexit__(self, *failure: Any) -> None:
        with self._told():
            await self._display.__aexit__(*failure)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Says once, beside the output, that something has failed."""
        try:
            yield
        except Exception as error:
            if not self._failed:
                self._failed = True
                say(f"{_reason(error)} Nothing more is shown.")


def _reason(error: Exception) -> str:
    if isinstance(error, OutputLost):
        return error.message
    return f"The display failed ({type(error).__name__}: {error}); please report it."
