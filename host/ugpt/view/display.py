"""Three ways to show a run: live, as text lines, as JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from enum import Enum
from typing import Protocol

from ..training.events import Event
from .capability import can_redraw
from .live import LiveDisplay
from .plain import JsonDisplay, PlainDisplay
from .state import Action, Control


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


def make_display(mode: Mode) -> Display:
    match mode:
        case Mode.LIVE:
            return LiveDisplay()
        case Mode.PLAIN:
            return PlainDisplay()
        case Mode.JSON:
            return JsonDisplay()
