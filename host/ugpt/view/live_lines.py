"""A few lines that stay at the end of the screen, with others above them."""

from __future__ import annotations

from rich.console import RenderableType
from rich.live import Live

from .capability import in_foreground
from .output import Output


class LiveLines:
    """From `begin` to `end`. In the background of its terminal nothing is drawn meanwhile; what was
    told waits."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._live = Live(
            console=output, auto_refresh=False, transient=True, vertical_overflow="crop"
        )
        self._waiting: list[tuple[str, str]] = []

    def begin(self) -> None:
        self._live.start()

    def end(self) -> None:
        self._live.stop()
        self._tell_waiting()

    def draw(self, lines: RenderableType) -> None:
        """Replaces the lines at the end."""
        drawn = in_foreground()
        self._live.update(lines, refresh=drawn)
        if drawn:
            self._tell_waiting()

    def tell(self, text: str, style: str = "") -> None:
        """One line above them."""
        self._waiting.append((text, style))
        if in_foreground() or not self._live.is_started:
            self._tell_waiting()

    def _tell_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for line in waiting:
            self._output.tell(line)
