"""Shows a training run its own way: a bar for every 50 steps, and what the model writes by then.

    python examples/own_dashboard.py         # the board that is plugged in, or a virtual one
    python examples/own_dashboard.py PORT    # such as /dev/ttyUSB0 or socket://HOST:PORT

`ugpt.atrain` calls `on_event` with a value of `ugpt.events` for everything that happens. It does so
between its other work: a view that takes long would keep it from sending documents.
"""

from __future__ import annotations

import asyncio
import sys

import ugpt
from ugpt import events

NAMES = "names"  # the built-in list, or the path of a text of yours
STEPS_A_BAR = 50


class Dashboard:
    """Prints what it hears of; an event that it does not know changes nothing."""

    def __init__(self) -> None:
        self._losses: list[float] = []

    def hear(self, event: events.Event) -> None:
        match event:
            case events.Started():
                print(f"{event.parameters:,} parameters on a {event.device}")
            case events.StepLosses():
                for step in event.steps():
                    self._add(step)
            case events.Preview():
                print(f"            {', '.join(event.texts)}")
            case events.Interrupted():
                print(f"Interrupted: {event.reason}")
            case events.Finished():
                print(f"Finished in {event.run}")

    def _add(self, step: events.Step) -> None:
        self._losses.append(step.loss)
        if step.step % STEPS_A_BAR == 0:
            mean = sum(self._losses) / len(self._losses)
            self._losses.clear()
            print(f"{step.step:>6,}  {mean:.2f}  {'#' * round(20 * mean)}")


async def main(port: str | None) -> None:
    await ugpt.atrain(NAMES, ugpt.Target(port), steps=500, on_event=Dashboard().hear)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if sys.argv[1:] else None))
    except ugpt.UgptError as error:
        sys.exit(f"error: {error}")
