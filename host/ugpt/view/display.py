"""Three ways to show a training run: live, as text lines, as JSON lines."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AbstractAsyncContextManager, ExitStack
from enum import Enum
from types import TracebackType
from typing import Protocol, Self

from rich.columns import Columns
from rich.console import Console
from rich.text import Text

from ..training.events import (
    Event,
    Finished,
    History,
    Interrupted,
    Notice,
    Preview,
    Progress,
    Restored,
    Saved,
    Started,
    StepLosses,
    Validated,
)
from .dashboard import render
from .output import console, print_json
from .screen import Screen
from .state import DashboardState
from .style import QUIET, byte_count, duration, printable, rate

_FRAME_S = 0.1
_LINE_SHARE = 20  # text lines in a run, and steps apart
_LINE_PERIOD_S = 10.0  # or so much time, whichever is sooner


class Mode(Enum):
    """How a run is shown."""

    LIVE = "live"
    PLAIN = "plain"
    JSON = "json"


class Display(AbstractAsyncContextManager["Display"], Protocol):
    """Hears of every event of a run."""

    def show(self, event: Event) -> None: ...


def choose_mode(plain: bool, json: bool) -> Mode:
    """Live if the terminal can do it, unless told otherwise."""
    if json:
        return Mode.JSON
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    capable = sys.stdout.isatty() and unicode and os.environ.get("TERM", "dumb") != "dumb"
    return Mode.LIVE if capable and not plain else Mode.PLAIN


def make_display(mode: Mode) -> Display:
    match mode:
        case Mode.LIVE:
            return LiveDisplay()
        case Mode.PLAIN:
            return PlainDisplay()
        case Mode.JSON:
            return JsonDisplay()


class _Quiet:
    """A display that has nothing to begin or end."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


class JsonDisplay(_Quiet):
    """Every event as an object of its own line; every step is one."""

    def show(self, event: Event) -> None:
        match event:
            case StepLosses():
                for step in event.steps():
                    print_json(step.to_json())
            case History():
                pass  # was printed when it happened, and is in metrics.jsonl
            case _:
                print_json(event.to_json())


class PlainDisplay(_Quiet):
    """A steady line for every twentieth of the run, and one for all else that happens."""

    def __init__(self) -> None:
        self._console = console()
        self._state = DashboardState()
        self._printed_step = 0
        self._printed_s = time.monotonic()

    def show(self, event: Event) -> None:
        self._state.apply(event, time.monotonic())
        match event:
            case Started():
                self._print_started(event)
            case Progress():
                self._print_progress(event)
            case Preview():
                texts = "  ".join(printable(text) for text in event.texts)
                self._print(f"samples at step {event.step:,}: {texts}", QUIET)
            case Validated():
                self._print(
                    f"validation loss at step {event.step:,}: {event.val_loss:.4f} "
                    f"({event.documents:,} documents)"
                )
            case Saved() | Restored() | Interrupted() | Notice():
                self._print(self._state.remark.text, self._state.remark.style)
            case Finished():
                self._print_finished(event)

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style))

    def _print_started(self, event: Started) -> None:
        self._print(f"training on {event.device}")
        held_out = f" ({event.held_out:,} held out)" if event.held_out else ""
        self._print(
            f"{event.data.name}: {event.documents:,} documents{held_out}, "
            f"{event.vocab_size - 1:,} characters"
        )
        self._print(
            f"{_shape_summary(event)}; {byte_count(event.memory_bytes)} of "
            f"{byte_count(event.memory_available_bytes)}"
        )
        if event.step:
            self._print(f"goes on after step {event.step:,} from {event.source}")
        self._printed_step = event.step

    def _print_progress(self, event: Progress) -> None:
        every = max(event.total_steps // _LINE_SHARE, 1)
        is_due = event.step // every != self._printed_step // every
        now = time.monotonic()
        if event.loss is None or not (is_due or now - self._printed_s > _LINE_PERIOD_S):
            return
        self._printed_step, self._printed_s = event.step, now
        left = f"  left {duration(event.left_s)}" if event.left_s else ""
        link = f"  {event.repeats:,} repeats" if event.repeats else ""
        self._print(
            f"step {event.step:,} of {event.total_steps:,}  loss {event.loss:.4f}  "
            f"mean {self._state.mean_loss:.4f}  {rate(event.steps_per_s)} steps/s  "
            f"{rate(event.tokens_per_s)} tokens/s{left}{link}"
        )

    def _print_finished(self, event: Finished) -> None:
        took = "" if event.elapsed_s is None else f" in {duration(event.elapsed_s)}"
        validation = "" if event.val_loss is None else f", validation loss {event.val_loss:.4f}"
        self._print(f"done{took}: mean loss {self._state.mean_loss:.4f}{validation}")
        self._print(f"{len(event.samples)} samples:")
        for text in event.samples:
            self._print(printable(text))
        self._print(f"all of it is in {event.run}; for more: ugpt sample -n 20", QUIET)


def _shape_summary(started: Started) -> str:
    layers = "1 layer" if started.n_layer == 1 else f"{started.n_layer} layers"
    heads = "1 head" if started.n_head == 1 else f"{started.n_head} heads"
    return (
        f"{started.parameters:,} parameters: {layers}, {started.n_embd} wide, {heads}, "
        f"context {started.block_size}"
    )


class LiveDisplay:
    """The dashboard, painted by a task of its own so that a burst of events costs one frame."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._state = DashboardState()
        self._finished: Finished | None = None
        self._stack = ExitStack()
        self._painter: asyncio.Task[None] | None = None
        self._screen = Screen(self._console)

    def show(self, event: Event) -> None:
        self._state.apply(event, time.monotonic())
        if isinstance(event, Finished):
            self._finished = event

    async def __aenter__(self) -> Self:
        self._stack.enter_context(self._screen)
        self._painter = asyncio.create_task(self._keep_painting())
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
        if self._state.started:
            self._paint()
        self._stack.close()
        if self._finished:
            self._print_finished(self._finished)

    async def _keep_painting(self) -> None:
        while True:
            began_s = time.monotonic()
            self._paint()
            # The curve of a very long run takes a while to draw; training comes first.
            await asyncio.sleep(max(_FRAME_S, 5 * (time.monotonic() - began_s)))

    def _paint(self) -> None:
        width, height = self._console.size
        self._screen.paint(render(self._state, width, max(height - 1, 1), time.monotonic()))

    def _print_finished(self, event: Finished) -> None:
        texts = [printable(text) for text in event.samples]
        self._console.print(Text(f"{len(texts)} samples, drawn on the board:", QUIET))
        self._console.print(Columns([Text(text, "bold") for text in texts], padding=(0, 2)))
        self._console.print(
            Text(f"All of it is in {event.run}; for more: ugpt sample -n 20", QUIET),
            soft_wrap=True,
        )
