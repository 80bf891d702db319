"""What is shown as lines, and how figures are written."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from ugpt.cli.commands.write import _Page, _StopTexts
from ugpt.device.stories import TextWish
from ugpt.rpc.messages import TextEnd
from ugpt.runs.smoothing import trailing_mean
from ugpt.training.events import (
    Evaluated,
    Finished,
    History,
    Preview,
    Progress,
    Started,
    StepLosses,
)
from ugpt.view.cleaning import printable
from ugpt.view.display import JsonDisplay, Mode, PlainDisplay, choose_mode
from ugpt.view.style import byte_count, duration
from ugpt.wording import counted

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


def test_trailing_mean() -> None:
    means = trailing_mean(np.array([4.0, 2.0, 3.0, 7.0]), 2)
    assert list(means) == [4.0, 3.0, 2.5, 5.0]


def test_figures() -> None:
    assert [duration(s) for s in (0.4, 59, 61, 3725)] == ["400 ms", "59 s", "1:01", "1:02:05"]
    assert [byte_count(n) for n in (9, 2048, 3 << 20)] == ["9 B", "2.0 KiB", "3.0 MiB"]
    assert printable("a\tb\x1b") == "a·b·"


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainDisplay()
    display.show(STARTED)
    for step in range(10, 1001, 10):
        display.show(StepLosses(step - 9, [2.4] * 10, [7] * 10))
        display.show(progress(step))
    display.show(Evaluated(1000, 2.5, 500))
    display.show(Finished(Path("R"), 1000, 2.4, 65.0, "ab", ["kamon", "[x]"], 2.5))
    lines = capsys.readouterr().out.splitlines()
    assert "validation loss at step 1,000: 2.5000 (500 documents)" in lines
    assert any(
        line.startswith("done in 1:05: mean loss 2.4000, validation loss 2.5000") for line in lines
    )
    assert len([line for line in lines if line.startswith("step ")]) == 20
    assert lines[-3:-1] == ["kamon", "[x]"]


def test_a_run_without_known_losses_has_no_mean(capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainDisplay()
    display.show(STARTED)
    display.show(StepLosses(1, [math.nan] * 1000, [7] * 1000))
    display.show(progress(1000))
    display.show(Finished(Path("R"), 1000, None, 65.0, "ab", ["kamon"], None))
    out = capsys.readouterr().out
    assert "done in 1:05\n" in out
    assert "mean" not in out


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    display = JsonDisplay()
    display.show(STARTED)
    display.show(History([3.0]))
    display.show(StepLosses(2, [2.9, 2.8], [7, 8]))
    display.show(Evaluated(3, 2.5, 500))
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
        "sys.stdout",
        type("Tty", (), {"encoding": "utf-8", "isatty": lambda s: True, "fileno": lambda s: -1})(),
    )
    monkeypatch.setenv("TERM", "xterm-256color")
    assert choose_mode(plain=False, json=False) is Mode.LIVE
    assert choose_mode(plain=True, json=False) is Mode.PLAIN
    for unable in ("dumb", "unknown", ""):
        monkeypatch.setenv("TERM", unable)
        assert choose_mode(plain=False, json=False) is Mode.PLAIN


def test_one_is_singular() -> None:
    assert [counted(number, "step") for number in (0, 1, 2, 2000)] == [
        "0 steps",
        "1 step",
        "2 steps",
        "2,000 steps",
    ]


@pytest.mark.parametrize(
    ("stops", "pieces", "shown"),
    [
        (["ab"], ["xa", "by"], "x"),
        (["zz", "b"], ["abzz"], "a"),
        (["b", "zz"], ["azzb"], "a"),
        (["abab"], ["xab", "ac"], "xabac"),
        (["ab", "a"], ["x", "a"], "x"),
        (["ab"], ["xa"], "xa"),
        ([], ["x", "y"], "xy"),
    ],
)
async def test_a_story_ends_before_the_first_stop_text(
    stops: list[str], pieces: list[str], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def follow() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece

    text: Any = Mock(
        pieces=follow, ended=TextEnd.CONTEXT_FULL, tokens_per_s=1.0, story=Mock(sha256=b"")
    )
    page = _Page(TextWish("Once "), _StopTexts(stops), shown=True)
    await page.fill(text)
    page.close(text, json=False, remark="")
    assert capsys.readouterr().out == page.text == f"Once {shown}"
    is_whole = shown == "".join(pieces)
    assert page._described(text)["ended"] == ("context_full" if is_whole else "stop_text")
