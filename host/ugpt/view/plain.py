"""A run as text lines, and as JSON lines."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Self

from ..training.events import (
    Evaluated,
    Event,
    Finished,
    History,
    Interrupted,
    Notice,
    Paused,
    Preview,
    Progress,
    Purpose,
    Restored,
    Saved,
    Silent,
    Started,
    StepLosses,
    Transfer,
)
from ..wording import counted, data_name
from .output import Output, console, pasteable, print_json
from .state import Action, Control, DashboardState, goes_on, transfer_text
from .style import QUIET, WARNING, byte_count, duration, rate

_LINE_SHARE = 20  # text lines in a run, and steps apart
_LINE_PERIOD_S = 10.0  # or so much time, whichever is sooner


class Quiet:
    """A display that takes no wishes, and may have something to begin and to end."""

    def offer(self, controls: Mapping[Action, Control]) -> None:
        pass

    def begin(self) -> None:
        pass

    def end(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        self.begin()
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.end()


class JsonDisplay(Quiet):
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


class PlainDisplay(Quiet):
    """A steady line for every twentieth of the run, and one for all else that happens."""

    def __init__(self) -> None:
        self._console = console()
        self._state = DashboardState()
        self._printed_step = 0
        self._printed_s = time.monotonic()
        self._printed_transfer: Purpose | None = None

    def show(self, event: Event) -> None:
        self._state.apply(event, time.monotonic())
        if self._state.transfer is None:
            self._printed_transfer = None
        match event:
            case Started():
                self._print_started(event)
            case Progress():
                self._print_progress(event)
            case Preview():
                texts = "  ".join(event.texts)
                self._print(f"samples at step {event.step:,}: {texts}", QUIET)
            case Evaluated():
                self._print(validation_text(event))
            case Silent() if event.silent_s:
                self._print(f"no answer for {duration(event.silent_s)}", WARNING)
            case Transfer():
                self._print_transfer(event)
            case Saved() | Restored() | Interrupted() | Notice() | Paused():
                self._print(self._state.remark.text, self._state.remark.style)
            case Finished():
                print_end(self._console, event, self._state.mean_loss)

    def _print(self, text: str, style: str = "") -> None:
        self._console.tell((text, style))

    def _print_started(self, event: Started) -> None:
        self._print(f"training on {event.device}")
        count = event.validation_documents
        validation = f" ({count:,} held out)" if count else ""
        self._print(
            f"{data_name(event.data)}: {counted(event.documents, 'document')}{validation}, "
            f"an alphabet of {counted(event.vocab_size - 1, 'character')}"
        )
        self._print(
            f"{shape_summary(event)}; {byte_count(event.memory_bytes)} of "
            f"{byte_count(event.memory_available_bytes)}"
        )
        if event.step or event.resumed:
            self._print(goes_on(event, event.total_steps))
        self._printed_step = event.step

    def _print_progress(self, event: Progress) -> None:
        every = max(event.total_steps // _LINE_SHARE, 1)
        is_due = event.step // every != self._printed_step // every
        now = time.monotonic()
        if event.loss is None or not (is_due or now - self._printed_s > _LINE_PERIOD_S):
            return
        self._printed_step, self._printed_s = event.step, now
        known = self._state.mean_loss
        mean = f"mean {known:.4f}  " if known is not None else ""
        left = f"  left {duration(event.left_s)}" if event.left_s else ""
        link = f"  {event.lost:,} lost" if event.lost else ""
        self._print(
            f"step {event.step:,} of {event.total_steps:,}  loss {event.loss:.4f}  "
            f"{mean}{rate(event.steps_per_s)} steps/s  "
            f"{rate(event.tokens_per_s)} tokens/s{left}{link}"
        )

    def _print_transfer(self, event: Transfer) -> None:
        """At its start, and then now and then."""
        now = time.monotonic()
        if event.purpose != self._printed_transfer or now - self._printed_s > _LINE_PERIOD_S:
            self._print(transfer_text(event), QUIET)
            self._printed_transfer, self._printed_s = event.purpose, now


def validation_text(event: Evaluated) -> str:
    documents = counted(event.documents, "document")
    return f"validation loss at step {event.step:,}: {event.val_loss:.4f} ({documents})"


def print_end(out: Output, event: Finished, mean_loss: float | None = None) -> None:
    """That a run is done, what its model writes, and how to have more of it."""
    took = "" if event.elapsed_s is None else f" in {duration(event.elapsed_s)}"
    losses = {"mean loss": mean_loss, "validation loss": event.val_loss}
    known = [f"{name} {loss:.4f}" for name, loss in losses.items() if loss is not None]
    out.tell(f"done{took}" + (f": {', '.join(known)}" if known else ""))
    out.tell(f"{counted(len(event.samples), 'sample')}:")
    for text in event.samples:
        out.result(text)
    out.tell((pasteable(f"All of it is in {event.run}; for more: {event.more}"), QUIET))


def shape_summary(started: Started) -> str:
    layers, heads = counted(started.n_layer, "layer"), counted(started.n_head, "head")
    return (
        f"{counted(started.parameters, 'parameter')}: {layers}, {started.n_embd} wide, {heads}, "
        f"context {started.block_size}"
    )
