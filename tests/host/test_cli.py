"""What is shown: the curve, the dashboard, the lines, the screen they are painted on."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from ugpt.runs.smoothing import trailing_mean
from ugpt.training.events import (
    Event,
    Finished,
    History,
    Interrupted,
    Preview,
    Progress,
    Restored,
    Started,
    StepLosses,
    Validated,
)
from ugpt.view.chart import MARK, loss_chart, nice_step
from ugpt.view.dashboard import DashboardState, render
from ugpt.view.display import JsonDisplay, Mode, PlainDisplay, choose_mode
from ugpt.view.screen import Screen
from ugpt.view.style import byte_count, duration, printable

STARTED = Started(
    run=Path("runs/names-1"),
    data=Path("data/names.txt"),
    documents=5163,
    device="esp32 (board esp32dev) on /dev/ttyUSB0",
    n_layer=1,
    n_embd=16,
    n_head=4,
    block_size=16,
    vocab_size=27,
    parameters=4192,
    memory_bytes=85_000,
    memory_available_bytes=285_696,
    step=0,
    total_steps=1000,
    source="the start",
)


def curve(steps: int) -> list[float]:
    noise = np.random.default_rng(0).normal(0, 0.3, steps)
    return [float(value) for value in 2.3 + np.exp(-np.arange(steps) / 80) + noise]


def progress(step: int) -> Progress:
    return Progress(
        step=step,
        total_steps=1000,
        loss=2.4,
        steps_per_s=790.2,
        tokens_per_s=5601.0,
        elapsed_s=0.6,
        left_s=64.2,
        baud=921_600,
        sent_bytes_per_s=6300.0,
        received_bytes_per_s=3200.0,
        repeats=3,
    )


def state_after(steps: int) -> DashboardState:
    state = DashboardState()
    events: list[Event] = [
        STARTED,
        StepLosses(1, curve(steps), [7] * steps),
        progress(steps),
        Preview(steps, ["kamon", "[bold]x", "a\x1b[2Jb"]),
    ]
    for event in events:
        state.apply(event)
    return state


def dots(line: Text) -> int:
    return sum((ord(c) - 0x2800).bit_count() for c in line.plain if 0x2800 < ord(c) < 0x2900)


@pytest.mark.parametrize("size", [(80, 23), (160, 49), (40, 12), (20, 5), (10, 2), (1, 1)])
@pytest.mark.parametrize("steps", [0, 1, 2, 500, 1000])
def test_dashboard_keeps_to_its_size(size: tuple[int, int], steps: int) -> None:
    width, height = size
    lines = render(state_after(steps), width, height)
    assert 0 < len(lines) <= height
    assert all(line.cell_len <= width for line in lines)
    assert not any("\n" in line.plain or "\x1b" in line.plain for line in lines)


def test_dashboard_before_anything_is_known() -> None:
    assert render(DashboardState(), 80, 23)


def test_dashboard_says_it_all() -> None:
    shown = "\n".join(line.plain for line in render(state_after(500), 100, 30))
    for expected in (
        "names.txt",
        "4,192 parameters: 1 layer, 16 wide, 4 heads, context 16",
        "step 500 of 1,000  50%",
        "790 steps/s  5,601 tokens/s",
        "left 1:04",
        "esp32 (board esp32dev) on /dev/ttyUSB0",
        "83.0 KiB of 279.0 KiB (30%)",
        "921,600 baud",
        "3 repeats",
        "kamon  [bold]x",
        "mean of 50 steps",
    ):
        assert expected in shown


def test_dashboard_goes_back_with_the_device() -> None:
    state = DashboardState()
    state.apply(STARTED)
    state.apply(History([3.0, 2.9, 2.8]))
    assert state.step == 3
    state.apply(StepLosses(4, [2.7, 2.6], [1, 1]))
    state.apply(Interrupted("The device restarted."))
    assert "The device restarted." in state.notice
    state.apply(Restored(2, "the checkpoint in the run folder"))
    state.apply(StepLosses(3, [2.8], [1]))
    assert list(state.losses) == pytest.approx([3.0, 2.9, 2.8])


def test_dashboard_shows_the_loss_of_documents_held_out() -> None:
    state = state_after(500)
    assert MARK not in "\n".join(line.plain for line in render(state, 100, 30))
    state.apply(Validated(250, 2.5, 500))
    state.apply(Validated(500, 2.3456, 500))
    header, *chart = [line.plain for line in render(state, 100, 30)][1:]
    assert "2.3456 validation, step 500" in header
    assert "\n".join(chart).count(MARK) == 2
    again = DashboardState()
    again.apply(STARTED)
    again.apply(History(curve(300), {250: 2.5}))
    assert again.val_losses == {250: 2.5}
    assert all(line.cell_len <= 60 for line in render(state, 60, 30))


def test_chart_marks_where_the_loss_is() -> None:
    lines = loss_chart(np.linspace(4, 1, 200), {1: 4.0, 200: 1.0, 100: 5.0, 999: 2.0}, 1, 60, 14)
    marks = [
        (row, column) for row, line in enumerate(lines)
        for column, character in enumerate(line.plain) if character == MARK
    ]  # fmt: skip
    assert len(marks) == 3
    (top, middle), (high, left), (low, right) = marks
    assert top < high < low
    assert left < middle < right
    assert right == 59


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_chart_passes_over_marks_without_a_place(value: float) -> None:
    lines = loss_chart(np.linspace(4, 1, 200), {100: value}, 1, 60, 14)
    assert MARK not in "".join(line.plain for line in lines)


def test_chart_fills_its_width() -> None:
    lines = loss_chart(np.array(curve(1000)), {}, 50, 80, 14)
    assert len(lines) == 14
    assert max(line.cell_len for line in lines) == 80
    assert sum(dots(line) for line in lines) > 300
    columns = [
        any(0x2800 < ord(line.plain[x]) < 0x2900 for line in lines[:12]) for x in range(6, 80)
    ]
    assert all(columns)
    assert "1" in lines[-1].plain
    assert "1,000" in lines[-1].plain


def test_chart_falls_where_the_loss_falls() -> None:
    lines = loss_chart(np.linspace(4, 1, 200), {}, 1, 60, 14)[:12]
    first = [row for row, line in enumerate(lines) if dots(line[:12])]
    last = [row for row, line in enumerate(lines) if dots(line[-8:])]
    assert max(first) < min(last)


@pytest.mark.parametrize("values", [[], [2.0], [2.0] * 50, [math.nan] * 3, [1.0, math.inf, 2.0]])
def test_chart_of_odd_losses(values: list[float]) -> None:
    assert len(loss_chart(np.array(values, dtype=np.float64), {}, 5, 40, 9)) == 9


def test_trailing_mean() -> None:
    means = trailing_mean(np.array([4.0, 2.0, 3.0, 7.0]), 2)
    assert list(means) == [4.0, 3.0, 2.5, 5.0]


@pytest.mark.parametrize(
    ("span", "count", "step"), [(1, 5, 0.2), (0.9, 3, 0.5), (1000, 6, 200), (7, 1, 10)]
)
def test_nice_step(span: float, count: int, step: float) -> None:
    assert nice_step(span, count) == pytest.approx(step)


def test_figures() -> None:
    assert [duration(s) for s in (59, 61, 3725)] == ["59 s", "1:01", "1:02:05"]
    assert [duration(s) for s in (0, 0.0001, 0.35, 0.9996)] == ["0 s", "1 ms", "350 ms", "1 s"]
    assert [byte_count(n) for n in (9, 2048, 3 << 20)] == ["9 B", "2.0 KiB", "3.0 MiB"]
    assert printable("a\tb\x1b") == "a·b·"


def terminal(width: int, height: int) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, height=height, highlight=False)
    return console, file


def test_screen_sends_only_what_changed() -> None:
    console, file = terminal(40, 10)
    with Screen(console) as screen:
        screen.paint([Text("steady"), Text("one"), Text("last")])
        file.truncate(0)
        screen.paint([Text("steady"), Text("two"), Text("last")])
        sent = file.getvalue()
        assert "two" in sent
        assert "steady" not in sent
        assert "\x1b[2A" in sent
    assert file.getvalue().endswith("\n\x1b[?25h")


def test_screen_starts_anew_after_a_change_of_size() -> None:
    console, file = terminal(40, 10)
    with Screen(console) as screen:
        screen.paint([Text("steady"), Text("one")])
        console.width = 30
        file.truncate(0)
        screen.paint([Text("steady"), Text("one")])
        assert "\x1b[H\x1b[2J" in file.getvalue()
        assert "steady" in file.getvalue()


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainDisplay()
    display.show(STARTED)
    for step in range(10, 1001, 10):
        display.show(StepLosses(step - 9, [2.4] * 10, [7] * 10))
        display.show(progress(step))
    display.show(Validated(1000, 2.5, 500))
    display.show(Finished(Path("R"), 1000, 2.4, 65.0, "ab", ["kamon", "[x]"], 2.5))
    lines = capsys.readouterr().out.splitlines()
    assert "validation loss at step 1,000: 2.5000 (500 documents)" in lines
    assert any(
        line.startswith("done in 1:05: mean loss 2.4000, validation loss 2.5000") for line in lines
    )
    assert len([line for line in lines if line.startswith("step ")]) == 20
    assert lines[-3:-1] == ["kamon", "[x]"]


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    display = JsonDisplay()
    display.show(STARTED)
    display.show(History([3.0]))
    display.show(StepLosses(2, [2.9, 2.8], [7, 8]))
    display.show(Validated(3, 2.5, 500))
    display.show(Preview(3, ["né"]))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == [
        "started",
        "step",
        "step",
        "validated",
        "preview",
    ]
    assert events[0]["run"] == "runs/names-1"
    assert events[2] == {"event": "step", "step": 3, "loss": 2.8, "tokens": 8}
    assert events[3] == {"event": "validated", "step": 3, "val_loss": 2.5, "documents": 500}


def test_mode_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_mode(plain=False, json=False) is Mode.PLAIN
    assert choose_mode(plain=False, json=True) is Mode.JSON
    monkeypatch.setattr(
        "sys.stdout", type("Tty", (), {"encoding": "utf-8", "isatty": lambda s: True})()
    )
    monkeypatch.setenv("TERM", "xterm-256color")
    assert choose_mode(plain=False, json=False) is Mode.LIVE
    assert choose_mode(plain=True, json=False) is Mode.PLAIN
    monkeypatch.setenv("TERM", "dumb")
    assert choose_mode(plain=False, json=False) is Mode.PLAIN
