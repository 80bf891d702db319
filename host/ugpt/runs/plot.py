"""A run as a picture to keep and to share: its loss curve, what it is, and what it wrote."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..wording import counted
from .errors import RunError
from .lettering import Lettering, lettering
from .smoothing import Floats, trailing_mean, windows

PNG = b"\x89PNG\r\n\x1a\n"
"""How every picture begins."""
TEXTS = 6
"""How many texts a card has room for."""

_POINTS = 2000  # of a curve, more than its pixels
_TEXT_LENGTH = 18
_NAME_LENGTH = 60
PAPER, INK, QUIET, _CURVE, _MARK = "#0f1419", "#e6e1cf", "#7a8590", "#39bae6", "#ffb454"


@dataclass(frozen=True)
class Card:
    """What a picture of a run shows."""

    losses: Sequence[float]
    """Of steps 1.., not a number where they are not known."""
    total_steps: int
    data: str
    device: str
    parameters: int
    val_losses: Mapping[int, float] = field(default_factory=dict)
    baselines: Mapping[str, float] = field(default_factory=dict)
    """Losses to compare with, by name."""
    texts: Sequence[str] = ()


def loss_png(card: Card) -> bytes:
    """A PNG of 1600 by 900 pixels. Raises RunError if it cannot be drawn."""
    return picture("loss.png", lambda figure, letters: _draw(figure, _lettered(card, letters)))


def picture(name: str, draw: Callable[[Any, Lettering], None]) -> bytes:
    """A PNG of 1600 by 900 pixels, of what `draw` puts on a figure. Raises RunError if it cannot.

    It is drawn with settings of its own, whatever a notebook or a matplotlibrc says.
    """
    try:
        with _own_settings() as letters:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure

            figure = Figure(figsize=(16, 9), dpi=100, facecolor=PAPER)
            canvas: Any = FigureCanvasAgg(figure)
            draw(figure, letters)
            content = io.BytesIO()
            canvas.print_png(content)
            return content.getvalue()
    except Exception as error:  # a picture is not worth a run
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise RunError(f"{name} could not be drawn: {reason}") from error


@contextlib.contextmanager
def _own_settings() -> Iterator[Lettering]:
    """matplotlib with its defaults; what the program around has set is there again afterwards."""
    # Slow to import, and its only message is about a font cache it builds once.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they would land in the middle of a dashboard
        matplotlib = _import_matplotlib()
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            letters = lettering()
            matplotlib.rcParams["font.family"] = letters.families
            yield letters


def _import_matplotlib() -> Any:
    """matplotlib, also if the settings it would read at import are unreadable or wrong."""
    try:
        import matplotlib
    except Exception:
        for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
            del sys.modules[name]  # what is left of half an import would break the next one
        # It looks for its settings in the working directory first, so this makes it read its own.
        found = importlib.util.find_spec("matplotlib")
        if found is None or found.origin is None:
            raise
        backend = os.environ.pop("MPLBACKEND", None)
        try:
            with contextlib.chdir(Path(found.origin).parent / "mpl-data"):
                import matplotlib
        finally:
            if backend is not None:
                os.environ["MPLBACKEND"] = backend
    return matplotlib


def _draw(figure: Any, card: Card) -> None:
    step = len(card.losses)
    smoothed = smooth_curve(card.losses, card.total_steps)
    say(figure, 0.05, 0.925, cut(card.data, _NAME_LENGTH), size=30, weight="bold")
    facts = f"{counted(card.parameters, 'parameter')}, trained on {card.device}"
    say(figure, 0.05, 0.88, cut(facts, 100), size=16, color=QUIET)
    say(figure, 0.95, 0.925, "µgpt", size=30, weight="bold", color=_CURVE, ha="right")
    axes = figure.add_axes((0.075, 0.1, 0.6, 0.73), facecolor=PAPER)
    if smoothed is not None:
        axes.plot(*smoothed, color=_CURVE, linewidth=3, solid_capstyle="round", zorder=3)
    marks = {at: loss for at, loss in card.val_losses.items() if math.isfinite(loss)}
    if marks:
        axes.plot(
            list(marks),
            list(marks.values()),
            "D",
            color=_MARK,
            markersize=8,
            zorder=4,
            clip_on=False,
        )
    for name, loss in card.baselines.items():
        axes.axhline(loss, color=QUIET, linestyle=(0, (1, 4)), linewidth=1.5, zorder=1)
        axes.annotate(
            name, (1, loss), (-6, 4), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", va="bottom", color=QUIET, fontsize=13,
        )  # fmt: skip
    shown = [*marks.values(), *card.baselines.values()]
    if smoothed is not None:
        shown += [float(np.nanmin(smoothed[1])), float(np.nanmax(smoothed[1]))]
    scale(axes, card.total_steps, shown)
    say(figure, 0.72, 0.80, "loss", size=16, color=QUIET)
    last = smoothed[1][-1] if smoothed is not None else math.nan
    say(figure, 0.72, 0.73, f"{last:.3f}", size=36, weight="bold", color=_CURVE)
    if marks:
        say(figure, 0.855, 0.80, "on held-out texts", size=16, color=QUIET)
        say(figure, 0.855, 0.73, f"{marks[max(marks)]:.3f}", size=36, weight="bold", color=_MARK)
    steps = counted(card.total_steps if step < card.total_steps else step, "step")
    after = f"after {step:,} of {steps}" if step < card.total_steps else f"after {steps}"
    say(figure, 0.72, 0.665, after, size=16, color=QUIET)
    if card.texts:
        say(figure, 0.72, 0.57, "what it writes", size=16, color=QUIET)
    for number, text in enumerate(card.texts[:TEXTS]):
        written = cut(text, _TEXT_LENGTH) or "(empty)"
        say(figure, 0.72, 0.51 - number * 0.07, written, size=24)


def smooth_curve(values: Sequence[float], total_steps: int) -> tuple[Floats, Floats] | None:
    """Steps and smoothed losses, as many as a picture can show; None if there are none."""
    losses = np.asarray(values, dtype=np.float64)
    losses = np.where(np.isfinite(losses), losses, np.nan)
    if np.isnan(losses).all():
        return None
    steps = np.arange(1, len(losses) + 1)
    means = trailing_mean(losses, windows(steps, total_steps))
    means[np.isnan(losses)] = np.nan  # a gap stays a gap
    some = np.unique(np.geomspace(1, len(losses), _POINTS).astype(np.int64))
    known = some[~np.isnan(means[some - 1])]
    some = some if len(known) and known[-1] == some[-1] else np.append(some, known[-1:])
    return some.astype(np.float64), means[some - 1]


def scale(axes: Any, total_steps: int, shown: Sequence[float]) -> None:
    """Steps up to `total_steps` along a logarithm, and as much of the losses as is `shown`."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    if shown:
        space = max((max(shown) - min(shown)) * 0.06, 0.02)
        axes.set_ylim(max(min(shown) - space, 0.0), max(shown) + space)
    axes.set_xscale("log")
    axes.set_xlim(1, max(total_steps, 2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(colors=QUIET, labelsize=13, length=0, pad=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    axes.set_xlabel("step", color=QUIET, fontsize=13)


def say(figure: Any, x: float, y: float, text: str, **style: Any) -> None:
    figure.text(x, y, text, parse_math=False, **{"color": INK, **style})


def _lettered(card: Card, letters: Lettering) -> Card:
    return replace(
        card,
        data=letters.drawable(card.data),
        device=letters.drawable(card.device),
        texts=[letters.drawable(text) for text in card.texts],
    )


def cut(text: str, length: int) -> str:
    """The start of a text that has no room."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
