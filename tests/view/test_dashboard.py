"""The state behind the dashboard, and frames of every size."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import pytest

from docs.picture import KEYS
from tests.support.scenes import NOW_S, PAGES, SCENES, STARTED, curve, state_of
from ugpt.training.events import (
    Evaluated,
    History,
    Interrupted,
    Preview,
    Restored,
    Silent,
    StepLosses,
)
from ugpt.view.chart import MARK
from ugpt.view.dashboard import help_pages, render
from ugpt.view.panels.diary import chosen
from ugpt.view.panels.figures import link, norm, small
from ugpt.view.state import Condition, DashboardState, Page, goes_on
from ugpt.view.style import GOOD, WARNING

SIZES = [(1, 1), (2, 1), (1, 60), (3, 4), (7, 7), (10, 2), (20, 5), (59, 16), (60, 15), (60, 16)]
SIZES += [(119, 27), (120, 27), (120, 28), (160, 49), (65_535, 10), (65_535, 65_535)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("help_page", [None, 0, 9])
def test_frame_keeps_to_its_size(name: str, width: int, height: int, help_page: int | None) -> None:
    lines = render(state_of(SCENES[name], help_page=help_page), width, height, NOW_S)
    assert 0 < len(lines) <= height
    assert all(line.cell_len <= width for line in lines)
    assert not any("\n" in line.plain or "\x1b" in line.plain for line in lines)


def test_frame_before_anything_is_known() -> None:
    assert [line.plain for line in render(DashboardState(), 80, 24)] == ["connecting"]


@pytest.mark.parametrize("width", range(40, 60))
def test_narrow_frame_keeps_curve_progress_and_texts(width: int) -> None:
    shown = "\n".join(line.plain for line in render(state_of(SCENES["training"]), width, 15, NOW_S))
    assert "37%" in shown
    assert MARK in shown
    assert PAGES[12_000][0] in shown


def test_texts_cannot_act_on_the_terminal() -> None:
    state = state_of(SCENES["first_moment"])
    state.apply(Preview(5, ["a\x1b[2Jb", "[bold]x", "\n"]))
    shown = "\n".join(line.plain for line in render(state, 80, 24, NOW_S))
    assert "a·[2Jb  [bold]x  ·" in shown


def test_goes_back_with_the_device() -> None:
    state = DashboardState()
    state.apply(STARTED)
    state.apply(History([3.0, 2.9, 2.8]))
    assert state.step == 3
    state.apply(StepLosses(4, [2.7, 2.6], [1, 1]))
    state.apply(Interrupted("The device restarted."))
    assert "The device restarted." in state.remark.text
    assert state.condition is Condition.LOST
    state.apply(Evaluated(3, 9.0, 5))
    state.apply(Evaluated(2, 3.0, 5))
    state.apply(Restored(2, "the checkpoint in the run folder"))
    assert state.val_losses == {2: 3.0}
    state.apply(StepLosses(3, [2.6], [1]))
    assert state.condition is Condition.TRAINING
    assert state.step == 3
    assert state.mean_loss == pytest.approx((3.0 + 2.9 + 2.6) / 3)
    assert DashboardState().mean_loss is None
    smoothed = state.curve.smoothed(STARTED.total_steps, logarithmic=True)
    assert list(smoothed.losses) == pytest.approx([3.0, 2.95, (3.0 + 2.9 + 2.6) / 3])


def test_only_a_run_that_is_not_complete_goes_on() -> None:
    point, total = Restored(STARTED.total_steps, "the board"), STARTED.total_steps
    assert goes_on(point, total) == "the run is complete"
    assert goes_on(point, total + 1) == f"goes on after step {total:,} from the board"
    state = DashboardState()
    for event in (STARTED, point):
        state.apply(event)
    assert state.remark.text == goes_on(point, total)


def test_silent_device_is_named_and_stands_still() -> None:
    state = state_of(SCENES["training"])
    assert state.steps_per_s > 0
    state.apply(Silent(1.0), 200.0)
    header = render(state, 80, 24, 202.0)[0].plain
    assert header.endswith("no answer for 3 s")
    assert "0 steps/s" in render(state, 80, 24, 202.0)[-2].plain
    state.apply(Silent(0.0), 203.0)
    assert render(state, 80, 24, 203.0)[0].plain.endswith("left")
    assert state.steps_per_s > 0


def test_marks_are_drawn() -> None:
    state = state_of(SCENES["first_moment"])
    state.apply(StepLosses(1, curve(500), [7] * 500))
    chart = "\n".join(line.plain for line in render(state, 80, 24, NOW_S))
    assert MARK not in chart
    state.apply(Evaluated(100, 2.9, 500))
    state.apply(Evaluated(500, 2.4, 500))
    lines = [line.plain for line in render(state, 80, 24, NOW_S)]
    assert "◆ 2.400" in lines[2]
    assert "? help" in lines[-1]  # what comes all the time does not cover the keys
    assert "\n".join(lines[3:]).count(MARK) == 2


def test_speed_of_a_bar_that_is_full() -> None:
    lines = render(state_of(SCENES["finished"]), 80, 24, NOW_S)
    assert lines[0].plain.endswith("done in 1:32")
    assert lines[1].plain.endswith("100%")


def test_diary_keeps_both_ends_and_an_even_spread_between() -> None:
    pages = [Page(step, (), ()) for step in (0, 10, 100, 1000, 6000, 10_000, 12_000)]
    assert [page.step for page in chosen(pages, 7)] == [page.step for page in pages]
    assert [page.step for page in chosen(pages, 5)] == [0, 10, 100, 1000, 12_000]
    assert [page.step for page in chosen(pages, 2)] == [0, 12_000]
    assert [page.step for page in chosen(pages, 1)] == [12_000]
    assert chosen([], 3) == []


def test_text_that_stands_in_the_data_is_dimmed() -> None:
    state = state_of(SCENES["training"])
    lines = render(state, 80, 24, NOW_S)
    (line,) = [line for line in lines if "jana" in line.plain]
    styles = {line.plain[span.start : span.end]: str(span.style) for span in line.spans}
    assert styles["jana"] == "dim"
    assert styles["thane"] == "bold"


@pytest.mark.parametrize(
    "name",
    ["virtual ESP32", "virtual ESP32, estimated pace", "ESP32S3 on /dev/ttyACM0", "ESP32 on COM12",
     "ESP32 on /dev/cu.usbserial-0001"],
)  # fmt: skip
def test_names_of_devices_are_whole_at_80_columns(name: str) -> None:
    state = state_of(SCENES["training"])
    assert state.started is not None
    state.started = replace(state.started, device_name=name)
    header = render(state, 80, 24, NOW_S)[0].plain
    assert f"● {name} " in header
    assert header.endswith("30 s left")


def test_the_help_explains_in_one_page_what_the_screen_shows() -> None:
    state = state_of(SCENES["training"], help_page=0)
    assert help_pages(state, 80, 24) == 1
    lines = [line.plain for line in render(state, 80, 24, NOW_S)]
    explained = {line[2:17].strip() for line in lines if line.startswith("│")}
    named = {"loss", "guesses among", "░", "◆", "random", "letter counts", "letter pairs"}
    assert explained >= {*named, "lr, |g|, mem", "q", "?"}
    if sys.platform != "win32":
        assert explained >= {"Ctrl-Z", "Ctrl-\\"}
    screen = "\n".join(line.plain for line in render(state_of(SCENES["training"]), 80, 24, NOW_S))
    assert all(name in screen for name in named)


def test_keys_say_what_they_do_here() -> None:
    state = state_of(SCENES["training"])
    state.say("", 0.0)
    assert "q/^C stop & keep" in render(state, 120, 24, NOW_S)[-1].plain
    state.labels = dict(list(KEYS.items())[-1:])
    assert render(state, 60, 24, NOW_S)[-1].plain == "x linear  q/^C stop & keep  ? help"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0062, ".0062"), (0.812, ".81"), (1.2345, "1.23"), (2.0, "2.00"), (1234.5, "1,234"),
     (0.01, ".010"), (1e-7, "1.0e-07"), (0.0, "0"), (math.inf, "inf")],
)  # fmt: skip
def test_small_figures(value: float, shown: str) -> None:
    assert small(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(2.0, "2.00"), (1.6, "1.60"), (2.62, "2.62"), (0.812, "0.81"), (0.05, "0.05"),
     (123.4, "123.40"), (1234.5, "1,234"), (0.0062, ".0062"), (math.inf, "inf")],
)  # fmt: skip
def test_norms_have_the_same_number_of_decimals(value: float, shown: str) -> None:
    assert norm(value) == shown


def test_the_dot_of_a_link_counts_what_the_line_has_lost() -> None:
    state = state_of(SCENES["training"])
    assert state.progress is not None
    state.progress = replace(state.progress, repeats=5)  # to a board that was busy
    assert link(state).plain == "link ●"
    assert WARNING not in {str(span.style) for span in link(state).spans}
    state.progress = replace(state.progress, lost=2)
    assert link(state).plain == "link ● 2 lost"
    assert WARNING in {str(span.style) for span in link(state).spans}


@pytest.mark.parametrize("scene", ["silent", "lost"])
def test_the_dot_of_a_link_without_answers_is_no_good_one(scene: str) -> None:
    styles = {
        name: {str(span.style) for span in link(state_of(SCENES[name])).spans}
        for name in ("training", scene)
    }
    assert GOOD in styles["training"]
    assert WARNING in styles[scene]
    assert GOOD not in styles[scene]


def test_the_mean_knows_nothing_of_before_a_gap() -> None:
    state = DashboardState()
    state.apply(StepLosses(1, [9.0] * 10, [1] * 10))
    state.apply(StepLosses(100, [1.0], [1]))
    assert list(state.recent) == [1.0]
