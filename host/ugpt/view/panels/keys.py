"""The keys, and what they do."""

from __future__ import annotations

from rich.text import Text

from ..state import Action, Condition, DashboardState
from ..style import ACCENT, QUIET
from .frame import joined

_REMARK_S = 6.0
_STOP = "q"
_BOTH = "q/^C"
ACTIONS = {
    Action.PAUSE: ("space", "pause after this step; again to go on"),
    Action.SAMPLE: ("s", "sample a few texts now"),
    Action.EVALUATE: ("e", "compute the loss of the documents held out now"),
    Action.DETACH: ("d", "leave the board to train by itself"),
}


def keys_line(
    state: DashboardState, width: int, now_s: float, *, help_goes_on: bool = False
) -> Text:
    """What was said last, for a few seconds; the keys otherwise.

    Left out first when it gets narrow: the keys in the middle; stop and help stay.
    """
    remark = state.remark
    lasting = state.condition in (Condition.LOST, Condition.CONNECTING)
    if remark.text and (lasting or now_s - remark.at_s < _REMARK_S):
        return Text(remark.text, remark.style, no_wrap=True)
    entries = _entries(state)
    if state.help_page is not None:
        entries = [("?", "more"), ("Esc", "close")] if help_goes_on else [("?/Esc", "close")]
    keys = [_key(_BOTH if name == _STOP else name, label) for name, label in entries]
    if joined(keys).cell_len > width:
        keys = [_key(*entry) for entry in entries]
    while len(keys) > 2 and joined(keys).cell_len > width:
        del keys[-3]
    return joined(keys)


def _entries(state: DashboardState) -> list[tuple[str, str]]:
    entries = [
        (ACTIONS[action][0], _label(action, label, state))
        for action, label in state.labels.items()
        if action in ACTIONS
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
