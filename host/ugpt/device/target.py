"""How a device is reached, as one value."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from ..rpc.receiver import LogLine
from .client import Device
from .connect import OPEN_TIMEOUT_S, connect
from .ports import check_pace


@dataclass(frozen=True)
class Target:
    """A port and what to mind when it is opened; the fields are arguments of `connect`."""

    port: str | None = None
    baud: int | None = None
    no_reset: bool = False
    board: str = "esp32"
    flash: Path | None = None
    window: int | None = None
    pace: bool = False

    def __post_init__(self) -> None:
        if self.pace:
            check_pace(self.port)

    def connect(
        self,
        *,
        on_log: Callable[[LogLine], None] | None = None,
        open_timeout_s: float = OPEN_TIMEOUT_S,
    ) -> AbstractAsyncContextManager[Device]:
        """Opens the device; called again for each new connection."""
        return connect(
            self.port,
            baud=self.baud,
            board=self.board,
            flash=self.flash,
            pace=self.pace,
            window=self.window,
            no_reset=self.no_reset,
            on_log=on_log,
            open_timeout_s=open_timeout_s,
        )

    @property
    def option(self) -> tuple[str, ...]:
        """The words of a command line that name the port, if it is named."""
        return ("--port", self.port) if self.port is not None else ()
