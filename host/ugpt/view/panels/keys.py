"""The keys, and what they do."""

from __future__ import annotations

from rich.text import Text

from ..state import Action, Condition, DashboardState
from ..style import ACCENT, QUIET
from .frame import Lines, framed, joined

_REMARK_S = 6.0
_STOP = "q"
_BOTH = "q/^C"
_HELP = {
    Action.PAUSE: ("space", "stand still after this step; again to go on"),
    Action.SAMPLE: ("s", "have it write a few texts now"),
    Action.EVALUATE: ("e", "compute the loss of the documents held out now"),
    Action.DETACH: ("d", "leave the board to train by itself"),
}


def keys_line(state: DashboardState, width: int, now_s: float) -> Text:
    """What was said last, for a few seconds; the keys otherwise.

    Left out first when it gets narrow: the keys in the middle; stop and help stay.
    """
    remark = state.remark
    lasting = state.condition in (Condition.LOST, Condition.CONNECTING)
    if remark.text and (lasting or now_s - remark.at_s < _REMARK_S):
        return Text(remark.text, remark.style, no_wrap=True)
    entries = _entries(state)
    keys = [_key(_BOTH if name == _STOP else name, label) for name, label in entries]
    if joined(keys).cell_len > width:
        keys = [_key(*entry) for entry in entries]
    while len(keys) > 2 and joined(keys).cell_len > width:
        del keys[-3]
    return joined(keys)


def _entries(state: DashboardState) -> list[tuple[str, str]]:
    entries = [
        (_HELP[action][0], _label(action, label, state))
        for action, label in state.labels.items()
        if action in _HELP
    ]
    entries.append(("x", "linear" if state.logarithmic else "log"))
    if stop := state.labels.get(Action.STOP):
        entries.append((_STOP, stop))
    return [*entries, ("?", "help")]


def _label(action: Action, label: str, state: DashboardState) -> str:
    paused = action is Action.PAUSE and state.condition is Condition.PAUSED
    return "go on" if paused else label


def _key(name: str, label: str) -> Text:
    return Text.assemble((name, f"bold {ACCENT}"), (f" {label}", QUIET))


def help_panel(state: DashboardState, width: int, height: int) -> Lines:
    """All that the dashboard can be asked, and how to read it."""
    rows = [_help_row(*_HELP[action]) for action in state.labels if action in _HELP]
    rows.append(_help_row("x", "the curve over the logarithm of the step, or over the step"))
    if stop := state.labels.get(Action.STOP):
        rows.append(_help_row("q", f"{stop}; Ctrl-C does the same"))
    rows += [
        _help_row("Ctrl-Z", "leave for the shell; fg comes back"),
        _help_row("?", "this page"),
        Text(),
        Text("loss        how surprised it is by the next letter; the mean of the last steps"),
        Text("random      what guessing any letter would cost"),
        Text("counts      what knowing how often each letter occurs would cost"),
        Text("pairs       what knowing how often each letter follows another would cost"),
        Text("◆           the loss of documents that it is never trained on"),
        Text("dimmed      a text that stands in the data set"),
    ]
    rows = rows[: height - 2]
    rows += [Text()] * (height - 2 - len(rows))
    return framed("help", [], rows, width)


def _help_row(key: str, text: str) -> Text:
    return Text.assemble((f"{key:<12}", f"bold {ACCENT}"), text, no_wrap=True)
