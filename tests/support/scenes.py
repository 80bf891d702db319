"""States of a run for the dashboard to show, each made of events at known times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from docs.picture import KEYS
from ugpt.training.events import (
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
    Restored,
    Saved,
    Silent,
    Started,
    StepLosses,
)
from ugpt.view.state import DashboardState

NOW_S = 100.0
STARTED = Started(
    run=Path("runs/names-1"),
    data=Path("data/names.txt"),
    documents=5163,
    device="ESP32 on /dev/ttyUSB0",
    n_layer=1,
    n_embd=32,
    n_head=4,
    block_size=16,
    vocab_size=27,
    parameters=18_072,
    memory_bytes=268_288,
    memory_available_bytes=285_696,
    step=0,
    total_steps=60_000,
    source="the start",
)
BASELINES = Baselines(3.2958, 2.8112, 2.3346)
PAGES = {
    0: ["xqj", "vzzrkp", "ohw", "mfuybqqxhwmmdnau", "kkz"],
    10: ["nae", "aariee", "llnoa", "n", "eraai"],
    100: ["anria", "ere", "shaal", "lein", "tarin"],
    1000: ["marin", "karele", "jona", "dana", "briel"],
    6000: ["kayla", "jarin", "shanel", "mariel", "deona"],
    12_000: ["jana", "thane", "cere", "auana", "serro"],
}


def curve(steps: int) -> list[float]:
    at = np.arange(steps)
    noise = np.random.default_rng(0).normal(0, 0.3, steps) * np.minimum(at / 100, 1)
    return [float(value) for value in 2.24 + 1.05 * np.exp(-at / 500) + noise]


def progress(step: int) -> Progress:
    return Progress(
        step=step,
        total_steps=60_000,
        loss=2.4,
        steps_per_s=1250.4,
        tokens_per_s=9125.0,
        elapsed_s=18.0,
        left_s=30.0,
        baud=921_600,
        sent_bytes_per_s=6300.0,
        received_bytes_per_s=3200.0,
        repeats=0,
        learning_rate=0.0062,
        gradient_norm=0.812,
        step_s=0.0008,
        heap_free_bytes=11_469,
        heap_least_free_bytes=11_162,
        temperature_c=51.2,
    )


def _begin(step: int) -> Iterator[tuple[float, Event]]:
    yield 0.0, STARTED
    yield 0.0, BASELINES
    yield 10.0, StepLosses(1, curve(step), [7] * step)
    for at, texts in PAGES.items():
        if at <= step:
            yield 20.0, Preview(at, texts, [text in ("dana", "jana", "kayla") for text in texts])


def training(step: int = 22_687) -> Iterator[tuple[float, Event]]:
    yield from _begin(step)
    for at in (10_000, 20_000):
        yield 50.0, Evaluated(at, 2.2611 if at == 20_000 else 2.2712, 500)
    yield 60.0, Saved(20_000, True)
    losses = {chr(97 + n): 1.2 + 0.09 * n for n in range(26)}
    yield 65.0, LetterLosses(20_000, {"": 0.9, **losses})
    for norm in (0.9, 0.85, 0.7, 0.812):
        yield 90.0, replace(progress(step), gradient_norm=norm)


def first_moment() -> Iterator[tuple[float, Event]]:
    yield 99.0, STARTED
    yield 99.0, BASELINES


def paused() -> Iterator[tuple[float, Event]]:
    yield from training()
    yield 99.0, Paused(22_687)


def silent() -> Iterator[tuple[float, Event]]:
    yield from training()
    yield 98.0, Silent(1.0)


def lost() -> Iterator[tuple[float, Event]]:
    yield from silent()
    yield 99.0, Interrupted("The device does not answer.")


def resumed() -> Iterator[tuple[float, Event]]:
    """A run whose losses are known in part, taken up by a board without sensors."""
    known = curve(30_000)
    yield 0.0, replace(STARTED, step=30_000, device="virtual device")
    yield 0.0, BASELINES
    yield 0.0, History([*known[:2000], *[float("nan")] * 6000, *known[8000:]], {20_000: 2.2611})
    yield 1.0, Preview(30_000, ["jana", "thane"], [True, False])
    yield (
        2.0,
        replace(
            progress(30_000),
            gradient_norm=None,
            temperature_c=None,
            heap_free_bytes=None,
            heap_least_free_bytes=None,
            baud=0,
            repeats=15,
            lost=12,
        ),
    )
    yield 99.0, Restored(30_000, "the checkpoint in the run folder")


def told() -> Iterator[tuple[float, Event]]:
    yield from _begin(1)
    yield 90.0, progress(1)
    yield 99.5, Notice("Step 10 gave another loss than the first time.")


def finished() -> Iterator[tuple[float, Event]]:
    yield from training(60_000)
    yield (
        99.0,
        Finished(Path("runs/names-1"), 60_000, 2.2, 92.0, "0" * 64, PAGES[12_000] * 4, 2.2412),
    )


Scene = Callable[[], Iterator[tuple[float, Event]]]
SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (training, first_moment, paused, silent, lost, resumed, told, finished)
}


def state_of(scene: Scene, *, help_page: int | None = None) -> DashboardState:
    state = DashboardState(labels=KEYS, help_page=help_page)
    for at_s, event in scene():
        state.apply(event, at_s)
    return state
