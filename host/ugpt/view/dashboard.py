"""The live view of a training run: a state, and a pure function from it to lines of text."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from ..training.events import (
    Event,
    Finished,
    History,
    Interrupted,
    Notice,
    Preview,
    Progress,
    Restored,
    Saved,
    Started,
    StepLosses,
    Stopped,
    Validated,
)
from .chart import MARK, MARK_STYLE, RAW_STYLE, SMOOTHED_STYLE, loss_chart
from .style import ACCENT, QUIET, WARNING, bar, byte_count, duration, printable, rate

_CHART_MIN_LINES = 5


@dataclass
class DashboardState:
    """Everything the dashboard shows; `apply` keeps it up to date."""

    started: Started | None = None
    losses: array[float] = field(default_factory=lambda: array("f"))
    val_losses: dict[int, float] = field(default_factory=dict)
    progress: Progress | None = None
    texts: tuple[str, ...] = ()
    fresh_texts: int = 0
    notice: str = "connecting"
    notice_style: str = QUIET

    def apply(self, event: Event) -> None:
        match event:
            case Started():
                self.started = event
                self._notify("")
            case History():
                self.losses.extend(event.losses)
                self.val_losses.update(event.val_losses)
            case StepLosses():
                del self.losses[event.first - 1 :]
                self.losses.extend([math.nan] * (event.first - 1 - len(self.losses)))
                self.losses.extend(event.losses)
            case Validated():
                self.val_losses[event.step] = event.val_loss
            case Progress():
                self.progress = event
            case Preview():
                self.texts = (*event.texts, *self.texts[:24])
                self.fresh_texts = len(event.texts)
            case Saved():
                where = "" if event.on_device else ", in the run folder only"
                self._notify(f"checkpoint of step {event.step:,} saved{where}")
            case Interrupted():
                self._notify(f"{event.reason} Trying again.", WARNING)
            case Restored():
                self._notify(f"goes on after step {event.step:,} from {event.source}")
            case Notice():
                self._notify(event.text, WARNING)
            case Stopped():
                self._notify(f"stopped after step {event.step:,}")
            case Finished():
                self._notify("done", "green")

    def _notify(self, text: str, style: str = QUIET) -> None:
        self.notice, self.notice_style = text, style

    @property
    def step(self) -> int:
        return len(self.losses)

    @property
    def mean_loss(self) -> float:
        """Over those of the last `window` steps that are known."""
        last = [loss for loss in self.losses[-self.window :] if not math.isnan(loss)]
        return sum(last) / len(last) if last else 0.0

    @property
    def window(self) -> int:
        """Steps in the trailing mean: a twentieth of the run, within reason."""
        return min(max(self.started.total_steps // 20, 1), 1000) if self.started else 1


def render(state: DashboardState, width: int, height: int) -> list[Text]:
    """The dashboard as at most `height` lines of at most `width` columns."""
    started = state.started
    if started is None:
        return [Text(state.notice, state.notice_style)]
    below = [_bar_line(state.step, started.total_steps, width), _speed_line(state)]
    below += _device_lines(started, state.progress, width)
    below += [_texts_line(state, width), Text(state.notice, state.notice_style)]
    above = [_title_line(started, width), _loss_line(state)]
    room = height - len(above) - len(below) - 2
    if room >= _CHART_MIN_LINES:
        losses = np.array(state.losses, dtype=np.float64)
        chart = loss_chart(losses, state.val_losses, state.window, width, room)
        lines = [*above, *chart, Text(), *below, Text()][:height]
    else:
        # Without room for a curve the figures matter most, the last line least.
        lines = [above[1], *below][:height]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def shape_summary(started: Started) -> str:
    layers = "1 layer" if started.n_layer == 1 else f"{started.n_layer} layers"
    heads = "1 head" if started.n_head == 1 else f"{started.n_head} heads"
    return (
        f"{started.parameters:,} parameters: {layers}, {started.n_embd} wide, {heads}, "
        f"context {started.block_size}"
    )


def _title_line(started: Started, width: int) -> Text:
    text = Text.assemble(("ugpt ", f"bold {ACCENT}"), (started.data.name, "bold"))
    right = shape_summary(started)
    space = width - text.cell_len - len(right)
    if space >= 2:
        text.append(" " * space)
        text.append(right, QUIET)
    return text


def _loss_line(state: DashboardState) -> Text:
    text = _label("loss")
    if not state.step:
        return text
    text.append("⠶ ", RAW_STYLE)
    text.append(f"{state.losses[-1]:.4f}")
    text.append("   ━ ", SMOOTHED_STYLE)
    text.append(f"{state.mean_loss:.4f}", "bold")
    text.append(f" mean of {min(state.window, state.step):,} steps", QUIET)
    if state.val_losses:
        step = max(state.val_losses)
        text.append(f"   {MARK} ", MARK_STYLE)
        text.append(f"{state.val_losses[step]:.4f}", "bold")
        text.append(f" validation, step {step:,}", QUIET)
    return text


def _bar_line(step: int, total_steps: int, width: int) -> Text:
    share = step / total_steps
    figures = Text.assemble(
        ("  step ", QUIET),
        (f"{step:,}", "bold"),
        (f" of {total_steps:,}", QUIET),
        f" {int(share * 100):3}%",
    )
    style = "green" if step >= total_steps else ACCENT
    return bar(share, max(width - figures.cell_len, 4), style) + figures


def _speed_line(state: DashboardState) -> Text:
    progress = state.progress
    if not progress:
        return _label("speed")
    text = _label("speed")
    text.append(f"{rate(progress.steps_per_s)} steps/s  {rate(progress.tokens_per_s)} tokens/s")
    text.append("    time ", QUIET)
    text.append(duration(progress.elapsed_s))
    if progress.left_s is not None and state.step < progress.total_steps:
        text.append("    left ", QUIET)
        text.append(duration(progress.left_s), "bold")
    return text


def _device_lines(started: Started, progress: Progress | None, width: int) -> list[Text]:
    device, memory, link = _label("device"), _label("memory"), _label("link")
    device.append(started.device)
    share = started.memory_bytes / max(started.memory_available_bytes, 1)
    memory += bar(share, max(min(width - 44, 40), 4), "magenta")
    memory.append(
        f" {byte_count(started.memory_bytes)} of {byte_count(started.memory_available_bytes)}"
    )
    memory.append(f" ({share:.0%})", QUIET)
    if progress:
        link.append(f"{progress.baud:,} baud  " if progress.baud else "")
        link.append(f"↑ {byte_count(progress.sent_bytes_per_s)}/s")
        link.append(f"  ↓ {byte_count(progress.received_bytes_per_s)}/s")
        repeats = f"  {progress.repeats:,} repeats"
        link.append(repeats, WARNING if progress.repeats else QUIET)
    return [device, memory, link]


def _texts_line(state: DashboardState, width: int) -> Text:
    text = _label("samples")
    for position, sample in enumerate(state.texts):
        shown = printable(sample) or "(empty)"
        if position and text.cell_len + cell_len(shown) > width:
            break
        text.append(f"{shown}  ", "bold" if position < state.fresh_texts else QUIET)
    return text


def _label(name: str) -> Text:
    return Text.assemble((f"{name:<8}", QUIET))
