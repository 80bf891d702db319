"""What is known of a run, gathered from its events."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from ..runs.smoothing import window
from ..training.detach import Detached
from ..training.events import (
    Baselines,
    Evaluated,
    Event,
    Finished,
    History,
    Interrupted,
    LetterLosses,
    Notice,
    Paused,
    Preview,
    Progress,
    Purpose,
    Restored,
    Resumed,
    Saved,
    Silent,
    Started,
    StepLosses,
    Stopped,
    Transfer,
)
from .cleaning import printable
from .curve import Curve
from .style import GOOD, QUIET, WARNING

_RECENT = 1000  # of the losses, the most that are averaged
_TRENDS = 120  # values of a figure that are kept to show how it moves
_DIARY_MAX = 64


class Condition(Enum):
    """How a run stands."""

    CONNECTING = auto()
    TRAINING = auto()
    PAUSED = auto()
    SILENT = auto()  # connected, but the device says nothing
    LOST = auto()  # the connection is gone, or the device restarts
    STOPPED = auto()
    DETACHED = auto()  # the board goes on by itself
    FINISHED = auto()


class Action(Enum):
    """What a person can ask of a run."""

    PAUSE = auto()
    RESUME = auto()
    SAMPLE = auto()
    EVALUATE = auto()
    LETTERS = auto()
    DETACH = auto()
    STOP = auto()


@dataclass(frozen=True)
class Control:
    """A way to ask for an action."""

    label: str
    act: Callable[[], object]
    remark: str = ""
    """What to say at once, if the action takes a while."""


_PURPOSES = {
    Purpose.SAVE: "saving",
    Purpose.RESTORE: "bringing the checkpoint onto the board",
    Purpose.PUSH: "bringing the data set onto the board",
}


def transfer_text(transfer: Transfer) -> str:
    """Such as `saving 43%`."""
    share = transfer.done_bytes / transfer.total_bytes if transfer.total_bytes else 0.0
    return _PURPOSES[transfer.purpose] + (f" {int(share * 100)}%" if share else "")


@dataclass(frozen=True)
class Page:
    """What the model wrote at one point."""

    step: int
    texts: tuple[str, ...]
    known: tuple[bool, ...]
    """Of each text, whether it is in the data set; empty if that was not looked up."""

    def stands_in_data(self, number: int) -> bool:
        return number < len(self.known) and self.known[number]


@dataclass(frozen=True)
class Remark:
    """A line for the reader, from a moment on."""

    text: str
    style: str
    at_s: float


@dataclass
class DashboardState:
    """Everything the dashboard shows; `apply` keeps it up to date."""

    started: Started | None = None
    condition: Condition = Condition.CONNECTING
    since_s: float = 0.0
    """Since when it is in that condition."""
    curve: Curve = field(default_factory=Curve)
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    val_losses: dict[int, float] = field(default_factory=dict)
    baselines: Baselines | None = None
    progress: Progress | None = None
    transfer: Transfer | None = None
    """What is under way instead of training."""
    diary: list[Page] = field(default_factory=list)
    letters: LetterLosses | None = None
    saved_step: int = 0
    saved_s: float = 0.0
    temperatures: deque[float] = field(default_factory=lambda: deque(maxlen=_TRENDS))
    gradient_norms: deque[float] = field(default_factory=lambda: deque(maxlen=_TRENDS))
    remark: Remark = Remark("connecting", QUIET, 0.0)
    finished: Finished | None = None
    # What the reader has chosen.
    labels: Mapping[Action, str] = field(default_factory=dict)
    """What can be asked of this run, and what it is called."""
    logarithmic: bool = True
    help_page: int | None = None
    """Of the help, while it is open."""

    def apply(self, event: Event, now_s: float = 0.0) -> None:
        if not isinstance(event, Progress | Silent | Notice):
            self.transfer = event if isinstance(event, Transfer) else None
        match event:
            case Transfer():
                if event.purpose != Purpose.SAVE:  # which the title says
                    self.say(transfer_text(event), now_s)
            case Started():
                self.started = event
                self._enter(Condition.TRAINING, now_s)
                self.say(goes_on(event, event.total_steps) if event.resumed else "", now_s)
            case History():
                self._put(1, event.losses)
                self.val_losses.update(event.val_losses)
            case Baselines():
                self.baselines = event
            case StepLosses():
                self._put(event.first, event.losses)
                self._heard(now_s)
            case Evaluated():
                self.val_losses[event.step] = event.val_loss
            case Progress():
                self._take_progress(event, now_s)
            case Preview():
                self._write(Page(event.step, tuple(event.texts), tuple(event.known)))
            case LetterLosses():
                self.letters = event
            case Saved():
                self.saved_step, self.saved_s = event.step, now_s
                where = "" if event.on_device else ", in the run folder only"
                self.say(f"checkpoint of step {event.step:,} saved{where}", now_s)
            case Paused():
                self._enter(Condition.PAUSED, now_s)
                self.say(f"paused after step {event.step:,}", now_s)
            case Resumed():
                self._enter(Condition.TRAINING, now_s)
                self.say("", now_s)
            case Silent():
                if event.silent_s:
                    self._enter(Condition.SILENT, now_s - event.silent_s)
                else:
                    self._heard(now_s)
            case Interrupted():
                if self.condition not in (Condition.SILENT, Condition.LOST):
                    self.since_s = now_s
                self.condition = Condition.LOST
                self.say(f"{event.reason} Trying again.", now_s, WARNING)
            case Restored():
                self._enter(Condition.TRAINING, now_s)
                # Those of later steps come again.
                self.val_losses = {
                    at: loss for at, loss in self.val_losses.items() if at <= event.step
                }
                self.say(goes_on(event, self.total_steps), now_s)
            case Notice():
                self.say(event.text, now_s, WARNING)
            case Stopped():
                self._enter(Condition.STOPPED, now_s)
                self.say(f"stopped after step {event.step:,}", now_s)
            case Detached():
                self._enter(Condition.DETACHED, now_s)
            case Finished():
                self.finished = event
                self._enter(Condition.FINISHED, now_s)
                self.say("done", now_s, GOOD)

    def say(self, text: str, now_s: float, style: str = QUIET) -> None:
        self.remark = Remark(printable(text), style, now_s)

    @property
    def step(self) -> int:
        return self.curve.step

    @property
    def total_steps(self) -> int:
        return self.started.total_steps if self.started else 0

    @property
    def mean_loss(self) -> float | None:
        """Over those of the last `window` steps that are known; None if none of them is."""
        last = list(self.recent)[-window(self.step, self.total_steps) :]
        known = [loss for loss in last if not math.isnan(loss)]
        return sum(known) / len(known) if known else None

    @property
    def steps_per_s(self) -> float:
        """0 for a device that stands still or says nothing."""
        going = self.condition in (Condition.TRAINING, Condition.FINISHED)
        return self.progress.steps_per_s if self.progress and going else 0.0

    def _enter(self, condition: Condition, now_s: float) -> None:
        self.condition, self.since_s = condition, now_s

    def _heard(self, now_s: float) -> None:
        if self.condition is Condition.SILENT:
            self._enter(Condition.TRAINING, now_s)

    def _put(self, first: int, losses: Sequence[float]) -> None:
        if first <= self.curve.step:
            for _ in range(min(self.curve.step + 1 - first, len(self.recent))):
                self.recent.pop()
        elif first > self.curve.step + 1:
            self.recent.clear()
        self.recent.extend(losses[-_RECENT:])
        self.curve.put(first, losses)

    def _take_progress(self, progress: Progress, now_s: float) -> None:
        self.progress = progress
        if progress.saved_step > self.saved_step:
            self.saved_step, self.saved_s = progress.saved_step, now_s
        if progress.temperature_c is not None:
            self.temperatures.append(progress.temperature_c)
        if progress.gradient_norm is not None and math.isfinite(progress.gradient_norm):
            self.gradient_norms.append(progress.gradient_norm)

    def _write(self, page: Page) -> None:
        """Adds to the diary; of a run that goes back and repeats a step the later page counts."""
        self.diary = [*(old for old in self.diary if old.step < page.step), page]
        if len(self.diary) > _DIARY_MAX:
            del self.diary[len(self.diary) // 2]


def goes_on(event: Started | Restored, total_steps: int) -> str:
    """From where a run goes on that had been begun before."""
    if event.step and event.step == total_steps:
        return "the run is complete"
    if event.step:
        return f"goes on after step {event.step:,} from {event.source}"
    return "begins again with step 1: no checkpoint of it had been saved"
