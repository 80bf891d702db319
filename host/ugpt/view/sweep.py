"""A sweep as a table that follows the boards, and as text lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Group
from rich.text import Text

from ..sweep.events import (
    BoardBack,
    BoardLost,
    SweepStarted,
    TrialEnded,
    TrialProgress,
    TrialStarted,
)
from ..sweep.ranking import best, ranked, value_text, values_text
from ..sweep.study import Trial, TrialState
from ..training.events import Event, Notice
from ..wording import counted
from .cleaning import printable
from .live_lines import LiveLines
from .output import Output, console, say
from .plain import Quiet
from .runs_table import loss_text
from .style import ACCENT, GOOD, QUIET, WARNING, bar, rate
from .table import Cell, print_table

_FRAME_S = 0.2
_BAR_WIDTH = 16
_RANKS = 20
_STYLES = {
    TrialState.COMPLETE: GOOD,
    TrialState.PRUNED: QUIET,
    TrialState.FAILED: "bold red",
    TrialState.RUNNING: ACCENT,
}


@dataclass(frozen=True)
class _Row:
    """What one board does."""

    trial: Trial | None = None
    step: int = 0
    total_steps: int = 1
    loss: float | None = None
    steps_per_s: float = 0.0
    lost: str = ""


class SweepState:
    """All that a display of a sweep needs to know, from its events."""

    def __init__(self) -> None:
        self.trials = 0
        self.done: list[Trial] = []
        self.boards: dict[str, _Row] = {}

    def apply(self, event: Event) -> None:
        match event:
            case SweepStarted():
                self.trials = event.trials
                self.done = list(event.done)
                self.boards = {name: _Row() for name in event.boards}
            case TrialStarted():
                self.boards[event.board] = _Row(event.trial, event.step, event.total_steps)
            case TrialProgress():
                self.boards[event.board] = replace(
                    self.boards[event.board],
                    step=event.step,
                    loss=event.loss,
                    steps_per_s=event.steps_per_s,
                )
            case TrialEnded():
                self.done.append(event.trial)
                self._free(event.trial.number)
            case BoardLost():
                self.boards[event.board] = _Row(lost=event.reason)
            case BoardBack():
                self.boards[event.board] = _Row()

    def _free(self, number: int) -> None:
        for name, row in self.boards.items():
            if row.trial is not None and row.trial.number == number:
                self.boards[name] = _Row()

    def counts(self) -> str:
        """Such as `12 of 40 trials, 3 of them pruned`."""
        said = f"{len(self.done):,} of {counted(self.trials, 'trial')}"
        for state, word in ((TrialState.PRUNED, "pruned"), (TrialState.FAILED, "failed")):
            if number := sum(trial.state is state for trial in self.done):
                said += f", {number:,} {word}"
        return said

    def best(self) -> str:
        found = best(self.done)
        if found is None:
            return ""
        return f"trial {found.number}, loss {found.loss:.3f}: {values_text(found.values)}"

    def lines(self) -> list[Text]:
        """The table as it is now."""
        width = max(map(len, self.boards), default=0)
        lines = [
            Text.assemble(("µgpt sweep  ", f"bold {ACCENT}"), (self.counts(), "bold"), no_wrap=True)
        ]
        lines += [self._line(name, row, width) for name, row in self.boards.items()]
        if found := self.best():
            lines.append(Text.assemble(("best  ", GOOD), printable(found), no_wrap=True))
        lines.append(Text("Ctrl-C stops after the current steps and saves.", QUIET, no_wrap=True))
        return lines

    def _line(self, name: str, row: _Row, width: int) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{printable(name):<{width}}  ", ACCENT)
        if row.lost:
            return line.append(printable(row.lost), WARNING)
        if row.trial is None:
            return line.append("waiting", QUIET)
        line.append(f"trial {row.trial.number:>3} ")
        line.append(bar(row.step / row.total_steps, _BAR_WIDTH, ACCENT))
        line.append(f" {row.step:>7,}/{row.total_steps:,}", QUIET)
        line.append(f"  {loss_text(row.loss):>6}", "bold")
        line.append(f"  {rate(row.steps_per_s):>6} steps/s  ", QUIET)
        return line.append(values_text(row.trial.values))


class LiveSweep(Quiet):
    """The table at the end of the screen, drawn a few times a second."""

    def __init__(self) -> None:
        self._state = SweepState()
        self._lines = LiveLines(Output(file=sys.stdout))
        self._drawn_s = 0.0

    def show(self, event: Event) -> None:
        self._state.apply(event)
        if isinstance(event, Notice):
            self._lines.tell(event.text, WARNING)
        now_s = time.monotonic()
        if now_s - self._drawn_s >= _FRAME_S or not isinstance(event, TrialProgress):
            self._drawn_s = now_s
            self._lines.draw(Group(*self._state.lines()))

    def begin(self) -> None:
        self._lines.begin()

    def end(self) -> None:
        self._lines.end()


class PlainSweep(Quiet):
    """A line for each thing that happens, but for the progress of a trial."""

    def __init__(self) -> None:
        self._state = SweepState()
        self._console = console()

    def show(self, event: Event) -> None:
        self._state.apply(event)
        match event:
            case SweepStarted():
                boards = ", ".join(event.boards)
                self._console.tell(f"{counted(event.trials, 'trial')} on {boards}")
            case TrialStarted():
                again = f", from step {event.step:,}" if event.step else ""
                self._console.tell(
                    f"trial {event.trial.number} on {event.board}{again}: "
                    f"{values_text(event.trial.values)}"
                )
            case TrialEnded():
                trial = event.trial
                loss = "" if trial.loss is None else f", loss {trial.loss:.3f}"
                reason = f": {trial.reason}" if trial.reason else ""
                self._console.tell(
                    f"trial {trial.number} ",
                    (str(trial.state), _STYLES[trial.state]),
                    f"{loss}{reason} ({self._state.counts()})",
                )
            case BoardLost():
                self._console.tell((f"{event.board} is lost: {event.reason}", WARNING))
            case BoardBack():
                self._console.tell(f"{event.board} is back")
            case Notice():
                self._console.tell((event.text, WARNING))


def print_ranking(trials: Sequence[Trial]) -> None:
    """The best trials, and why others failed."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.values))
    order = ranked(trials)
    rows: list[list[Cell]] = [
        [
            str(rank),
            str(trial.number),
            (str(trial.state), _STYLES[trial.state]),
            loss_text(trial.loss),
            *(value_text(trial.values[name]) if name in trial.values else "-" for name in names),
            trial.board or "-",
        ]
        for rank, trial in enumerate(order[:_RANKS], 1)
    ]
    print_table(
        ("rank", "trial", "state", "loss", *names, "board"), rows, ("rank", "trial", "loss")
    )
    if len(order) > _RANKS:
        say(f"and {len(order) - _RANKS:,} more")
    for trial in trials:
        if trial.reason:
            say(f"trial {trial.number}: {trial.reason}")
