"""Draws the picture of the README from the events of a recorded run.

    python docs/picture.py            # writes dashboard.svg
    python docs/picture.py --check    # says whether it is up to date

first-run.jsonl.gz is what this printed, up to LAST_STEP and with losses rounded to four decimals:

    ugpt train names --pace --steps 8000 --holdout 10% --run runs/names --json
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from ugpt.training import events
from ugpt.view.dashboard import render
from ugpt.view.state import Action, DashboardState

FOLDER = Path(__file__).parent
EVENTS = FOLDER / "first-run.jsonl.gz"
PICTURE = FOLDER / "dashboard.svg"

WIDTH, HEIGHT = 100, 28
LAST_STEP = 6400
KEYS = {
    Action.PAUSE: "pause",
    Action.SAMPLE: "sample",
    Action.EVALUATE: "evaluate",
    Action.DETACH: "detach",
    Action.STOP: "stop & keep",
}


def recorded() -> Iterator[events.Event]:
    """The events up to LAST_STEP."""
    names = {kept: name for name, kept in events.JSON_NAMES.items()}
    kinds = {cls.__name__.lower(): cls for cls in events.Event.__subclasses__()}
    with gzip.open(EVENTS, "rt") as file:
        for line in file:
            values = {names.get(key, key): value for key, value in json.loads(line).items()}
            kind = values.pop("event")
            kind = names.get(kind, kind).replace("_", "")
            if values.get("step", 0) > LAST_STEP:
                return
            if kind == "step":
                yield events.StepLosses(values["step"], [values["loss"]], [values["tokens"]])
            else:
                paths = {key: Path(values[key]) for key in ("run", "data") if key in values}
                yield kinds[kind](**{**values, **paths})


def draw() -> str:
    """The dashboard at that step, as SVG."""
    state = DashboardState(labels=KEYS)
    for event in recorded():
        state.apply(event)
    console = Console(
        file=io.StringIO(), record=True, width=WIDTH, force_terminal=True, color_system="truecolor",
        highlight=False, markup=False, emoji=False,
    )  # fmt: skip
    for line in render(state, WIDTH, HEIGHT):
        console.print(line, no_wrap=True, overflow="crop")
    return console.export_svg(
        title="ugpt train names --pace --steps 8000 --holdout 10%", theme=MONOKAI, unique_id="ugpt"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Draws docs/dashboard.svg.")
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    drawn = draw()
    if not parser.parse_args().check:
        PICTURE.write_text(drawn, "utf-8")
    elif PICTURE.read_text("utf-8") != drawn:
        sys.exit("docs/dashboard.svg is not up to date: run python docs/picture.py")


if __name__ == "__main__":
    main()
