"""A joint run as text lines, and live on a terminal."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from ..joint.events import (
    BoardJoined,
    BoardLeft,
    BoardTakenOut,
    JointStarted,
    PartDone,
    RoundDone,
)
from ..training.events import Evaluated, Event, Finished, Notice
from ..wording import counted, data_name
from .cleaning import printable
from .live_lines import LiveLines
from .output import Output, console
from .plain import Quiet, print_end, validation_text
from .style import ACCENT, QUIET, WARNING, bar, duration

_BAR_WIDTH = 40
_LABEL_WIDTH = 8


class JointPlainDisplay(Quiet):
    """A line for each round, and one for all else that happens."""

    def __init__(self, output: Output | None = None) -> None:
        self._console = output or console()
        self._has_begun = False

    def show(self, event: Event) -> None:
        match event:
            case JointStarted():
                self._has_begun = True
                for line in _introduction(event):
                    self._print(line)
            case BoardJoined() if self._has_begun:
                self._print(f"{event.board} has joined")
            case BoardLeft():
                self._print(f"{event.board} is lost; others do its part", WARNING)
            case BoardTakenOut():
                self._print(f"{event.board} is taken out: {event.reason}", WARNING)
            case RoundDone():
                self._show_round(event)
            case Evaluated():
                self._print(validation_text(event))
            case Notice():
                self._print(event.text, WARNING)
            case Finished():
                print_end(self._console, event)

    def _print(self, text: str, style: str = "") -> None:
        self._console.tell((text, style))

    def _show_round(self, event: RoundDone) -> None:
        self._print(
            f"round {event.round:,} of {event.rounds:,}  step {event.step:,} of "
            f"{event.total_steps:,}  mean loss {event.loss:.4f}  {_costs(event)}"
        )


class JointLiveDisplay(JointPlainDisplay):
    """The same lines but for the rounds, above a few that tell how it stands."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = LiveLines(self._console)
        self._started: JointStarted | None = None
        self._boards: dict[str, None] = {}
        self._round: RoundDone | None = None
        self._parts: set[int] = set()

    def begin(self) -> None:
        self._lines.begin()

    def end(self) -> None:
        self._lines.end()

    def show(self, event: Event) -> None:
        match event:
            case JointStarted():
                self._started = event
            case BoardJoined():
                self._boards[event.board] = None
            case BoardLeft() | BoardTakenOut():
                self._boards.pop(event.board, None)
            case PartDone():
                self._parts.add(event.worker)
            case RoundDone():
                self._round, self._parts = event, set()
            case Finished():
                self._lines.end()
                if self._round is not None:
                    super()._show_round(self._round)
                self._started = None
        super().show(event)
        if self._started is not None:
            self._lines.draw(self._frame(self._started))

    def _print(self, text: str, style: str = "") -> None:
        self._lines.tell(text, style)

    def _show_round(self, event: RoundDone) -> None:
        """It is in the frame."""

    def _frame(self, started: JointStarted) -> Group:
        last = self._round
        step, total_steps = last.step if last else started.step, started.total_steps
        steps = Text.assemble(
            bar(step / total_steps, _BAR_WIDTH, ACCENT), f" {step:,} of {total_steps:,}"
        )
        parts = f"{len(self._parts):,} of {counted(started.workers, 'worker')} done"
        number = last.round + 1 if last else step // started.sync + 1
        rows = {
            "steps": steps,
            "round": Text(f"{number:,}: {parts}" if step < total_steps else "all are done"),
            "boards": Text(printable(", ".join(sorted(self._boards)) or "none"), overflow="fold"),
        }
        if last is not None:
            rows["loss"] = Text(f"{last.loss:.4f} in round {last.round:,}")
            rows["cost"] = Text(_costs(last))
        lines = [
            Text.assemble((name.ljust(_LABEL_WIDTH), QUIET), row) for name, row in rows.items()
        ]
        # Short, as a terminal that echoes ^C behind a full line goes on in the next one.
        hint = Text("Ctrl-C stops after the round and keeps it.", QUIET, no_wrap=True)
        return Group(*lines, hint)


def _introduction(event: JointStarted) -> list[str]:
    boards = ", ".join(event.boards)
    workers = counted(event.workers, "worker")
    lines = [
        f"training on {counted(len(event.boards), 'board')}: {boards}",
        f"{data_name(event.data)}: {counted(event.documents, 'document')}",
        f"{counted(event.parameters, 'parameter')}; {workers}, averaged every "
        f"{counted(event.sync, 'step')}",
    ]
    if event.resumed:
        lines.append(f"goes on after step {event.step:,} from the checkpoint in the run folder")
    return lines


def _costs(event: RoundDone) -> str:
    """Where the time of a round went."""
    verified = f", {event.verified:,} verified" if event.verified else ""
    return (
        f"{duration(event.round_s)} on {counted(event.boards, 'board')} "
        f"(compute {duration(event.compute_s)}, wire {duration(event.wire_s)}, "
        f"wait {duration(event.wait_s)}){verified}"
    )
