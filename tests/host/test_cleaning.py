"""Nothing in a data set, a device or a file name acts on a terminal; programs get all of it."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from tests.support.scenes import STARTED
from ugpt.rpc.frames import FrameDecoder
from ugpt.rpc.frames import Text as Line
from ugpt.training.events import Event, Progress, Started
from ugpt.view.cleaning import escaped, printable, printable_lines
from ugpt.view.dashboard import render
from ugpt.view.output import Output, print_json
from ugpt.view.plain import PlainDisplay
from ugpt.view.state import DashboardState
from ugpt.view.summary import print_summary

ACTING = [
    "\x00",
    "\x07",
    "\x1b",
    "\r",
    "\x7f",
    "\x85",
    "\x9b",
    "\u2028",
    "\u202e",
    "\u2066",
    "\udc80",
]
HARMLESS = [
    "é",
    "\xa0",
    "\u3000",
    "\u200c",
    "\u200d",
    "\u200f",
    "👨\u200d👩\u200d👧",
    "名",
    "\ue0b0",
    "\u0378",
]
HOSTILE = "x\x1b]0;owned\x07\u202e\u009by"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def owned(shown: str) -> bool:
    """Whether anything hostile is in what a terminal was sent, beside the colours of ugpt."""
    return any(mark in shown for mark in ("\x1b]", "\x07", "\u202e", "\u009b"))


@pytest.mark.parametrize("character", ACTING)
def test_what_acts_is_replaced(character: str) -> None:
    assert printable(f"a{character}b") == "a·b"
    assert printable_lines(f"a{character}b\n\tc") == "a·b\n\tc"


@pytest.mark.parametrize("text", HARMLESS)
def test_and_no_more_than_that(text: str) -> None:
    assert printable(text) == text


def test_lines_and_tabs_are_kept_only_in_what_has_lines() -> None:
    assert printable("a\n\tb") == "a··b"


@pytest.mark.parametrize("character", [*ACTING, *HARMLESS, "\n", '"', "\\"])
def test_json_has_the_same_value(character: str) -> None:
    line = escaped(json.dumps({"text": character}, ensure_ascii=False))
    assert json.loads(line) == {"text": character}
    assert not any(acting in line for acting in ACTING)


def test_results_are_exact_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    Output(file=file).result(HOSTILE, mark="…")
    assert file.getvalue() == f"{HOSTILE}\n"
    terminal = Terminal()
    Output(file=terminal, color_system=None).result(HOSTILE, mark="…")
    assert terminal.getvalue() == "x·]0;owned···y…\n"
    monkeypatch.setattr(sys, "stdout", terminal)
    print_json({"text": HOSTILE})
    assert not owned(terminal.getvalue())


def test_whatever_is_printed_on_a_terminal_is_clean() -> None:
    terminal = Terminal()
    output = Output(file=terminal, force_terminal=True)
    output.print(HOSTILE)
    output.print(Text(HOSTILE, "red"))
    output.tell(HOSTILE, (HOSTILE, "bold"))
    assert "owned" in terminal.getvalue()
    assert not owned(terminal.getvalue())


# Every event, with something hostile in every text it has.


def hostile_events() -> list[Event]:
    return [_hostile(kind) for kind in _kinds(Event)]


def _kinds(kind: type[Any]) -> list[type[Any]]:
    return [kind_below for below in kind.__subclasses__() for kind_below in (below, *_kinds(below))]


def _hostile(kind: type[Any]) -> Event:
    types = typing.get_type_hints(kind)
    values = {field.name: _value(types[field.name]) for field in dataclasses.fields(kind)}
    return typing.cast(Event, kind(**values))


def _value(kind: Any) -> Any:
    if kind is bool:
        return True
    if kind in (int, float):
        return 1
    if kind is str:
        return HOSTILE
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if kind is Path:
        return Path(f"runs/{HOSTILE}")
    arguments = typing.get_args(kind)
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _hostile(typing.cast(type[Any], kind))
    if origin is Sequence:
        return [_value(arguments[0])]
    if origin is tuple:
        return (_value(arguments[0]),)
    if origin in (Mapping, dict):
        return {_value(arguments[0]): _value(arguments[1])}
    assert arguments, f"a value for {kind} is missing here"
    if str in arguments:
        return HOSTILE
    return _value(next(argument for argument in arguments if argument is not type(None)))


def test_there_are_events() -> None:
    assert {Started, Progress} < {type(event) for event in hostile_events()}


@pytest.mark.parametrize("event", hostile_events(), ids=lambda event: type(event).__name__)
def test_events_in_every_view(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    plain = PlainDisplay()
    plain.show(dataclasses.replace(STARTED, data=Path(HOSTILE)))
    plain.show(event)
    print_json(event.to_json())
    state = DashboardState()
    state.apply(dataclasses.replace(STARTED, data=Path(HOSTILE), device=HOSTILE))
    state.apply(event)
    for width, height in ((30, 8), (80, 24), (200, 60)):
        for line in render(state, width, height):
            assert not owned(line.plain)
            assert line.cell_len <= width
    state.curve.put(1, [2.0])
    print_summary(state)
    assert "owned" in terminal.getvalue()
    assert not owned(terminal.getvalue())


# What a board writes by itself


@pytest.mark.parametrize(
    "text",
    ["名\u3000前", "می\u200cشود", "ab\xa0c", "👩\u200d👧", "anna\x07", "x\u202ey", HOSTILE],
)
def test_lines_between_frames_are_told_exactly(text: str) -> None:
    decoder = FrameDecoder()
    assert decoder.feed(f"{text}\r\nemma\r\n".encode()) == [Line(text), Line("emma")]


def test_noise_is_no_text() -> None:
    decoder = FrameDecoder()
    assert decoder.feed(b"\x05\x06a\x07\nb\x11\x12\n\x7f\n") + decoder.flush() == []
