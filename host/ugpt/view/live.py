"""The dashboard on a terminal: painted now and then, driven by keys."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.text import Text

from ..training.events import Event
from .capability import in_foreground, terminal_size
from .dashboard import help_pages, render, shows_letters
from .job import Job
from .keyboard import Key
from .state import Action, Condition, Control, DashboardState
from .summary import print_summary
from .terminal import Takeover

_FRAME_S = 0.1
_DRAWING_SHARE = 5  # of the time at most every fifth part: training comes first
_LETTERS_PERIOD_S = 10.0

_ACTIONS = {
    Key.SAMPLE: Action.SAMPLE,
    Key.EVALUATE: Action.EVALUATE,
    Key.DETACH: Action.DETACH,
    Key.STOP: Action.STOP,
}


class LiveDisplay:
    """The dashboard, painted by a task of its own so that a burst of events costs one frame."""

    def __init__(self) -> None:
        self._state = DashboardState()
        self._controls: Mapping[Action, Control] = {}
        self._terminal = Takeover(self._press)
        self._job = Job(self._enter, self._terminal.leave)
        self._painter: asyncio.Task[None] | None = None
        self._due = asyncio.Event()
        self._letters_s = -_LETTERS_PERIOD_S

    def show(self, event: Event) -> None:
        self._state.apply(event, time.monotonic())

    def offer(self, controls: Mapping[Action, Control]) -> None:
        self._controls = controls
        self._state.labels = {action: control.label for action, control in controls.items()}

    async def __aenter__(self) -> Self:
        self._terminal.enter()
        self._job.begin()
        if sys.platform != "win32":
            self._job.on_signal(signal.SIGWINCH, self._due.set)
        self._painter = asyncio.create_task(self._keep_painting(), name="ugpt painter")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._painter is not None
        self._painter.cancel()
        await asyncio.wait({self._painter})
        self._job.end()
        self._terminal.leave()
        print_summary(self._state)
        if exc is None and not self._painter.cancelled() and (error := self._painter.exception()):
            raise error

    async def _keep_painting(self) -> None:
        while True:
            began_s = time.monotonic()
            if in_foreground() != self._terminal.entered:
                self._job.go_on()  # a shell does not always tell
            self._ask_for_letters(began_s)
            self._terminal.paint(self._render)
            took_s = time.monotonic() - began_s
            self._due.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(_FRAME_S, _DRAWING_SHARE * took_s)):
                    await self._due.wait()

    def _render(self, width: int, height: int) -> list[Text]:
        return render(self._state, width, height, time.monotonic())

    def _ask_for_letters(self, now_s: float) -> None:
        """Only while their panel is on the screen: they cost the device a moment."""
        if now_s - self._letters_s < _LETTERS_PERIOD_S or not shows_letters(*terminal_size()):
            return
        if self._state.condition is Condition.TRAINING and Action.LETTERS in self._controls:
            self._letters_s = now_s
            self._controls[Action.LETTERS].act()

    # Keys

    def _press(self, key: Key) -> None:
        state = self._state
        match key:
            case Key.HELP:
                self._turn_page()
            case Key.BACK if state.help_page is not None:
                state.help_page = None
            case Key.SCALE:
                state.logarithmic = not state.logarithmic
                if state.help_page is not None:  # the curve does not show it
                    scale = "the logarithm of the step" if state.logarithmic else "the step"
                    self._hint(f"the curve is over {scale} now")
            case Key.PAUSE:
                paused = state.condition is Condition.PAUSED
                self._ask(Action.RESUME if paused else Action.PAUSE)
            case Key.OTHER | Key.BACK:
                self._hint("No such key here; press ? for the list.")
            case _:
                self._ask(_ACTIONS[key])
        self._due.set()

    def _turn_page(self) -> None:
        state = self._state
        following = 0 if state.help_page is None else state.help_page + 1
        pages = help_pages(state, *terminal_size())
        state.help_page = following if following < pages else None

    def _ask(self, action: Action) -> None:
        control = self._controls.get(action)
        if control is None:
            self._hint("That key means nothing for this run; ? lists those that do.")
            return
        if control.remark:
            self._hint(control.remark)
        control.act()

    def _hint(self, text: str) -> None:
        self._state.say(text, time.monotonic())

    # The terminal

    def _enter(self) -> None:
        self._terminal.enter()
        self._terminal.repaint()
        self._due.set()
