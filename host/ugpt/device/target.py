"""How a device is reached, as one value, and the way from it to an open connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ..rpc.address import scheme_of
from ..rpc.link import Link
from ..rpc.messages import Hello
from ..rpc.receiver import LogLine
from ..rpc.rfc2217 import open_rfc2217
from ..rpc.transport import Transport, open_serial, open_socket
from . import virtual
from .client import Device
from .ports import VIRTUAL, Choice, check_virtual, choose_port

OPEN_TIMEOUT_S = 4.0
"""How long a device may take for the first handshake."""


@dataclass(frozen=True)
class Target:
    """A port, and how to open it.

    Raises InvalidValue for `pace` or `threads` beside a port of a board.
    """

    port: str | None = None
    """A serial port, a link to one or the serial number of its USB chip, a pseudo-terminal,
    "socket://host:port", "rfc2217://host:port" or "virtual".

    None takes the one board that is plugged in, or the virtual device if there is none.
    """
    baud: int | None = None
    """The highest rate to use; None: the highest that works."""
    no_reset: bool = False
    """Leaves the control lines of a serial port as they are when it is closed."""
    board: str = "esp32"
    """The board whose memory the virtual device has."""
    flash: Path | None = None
    """The file with the flash of the virtual device; None: one that every call shares."""
    window: int | None = None
    """The most requests in flight; None: as many as the device allows."""
    pace: bool = False
    """Takes the virtual device, which then needs the time that the board is estimated to need."""

    threads: int = 1
    """More than one takes the virtual device, which then computes in so many."""

    def __post_init__(self) -> None:
        if self.pace:
            check_virtual("--pace", self.port)
        if self.threads > 1:
            check_virtual("--threads", self.port)

    @property
    def _needs_virtual(self) -> bool:
        return self.pace or self.threads > 1

    def choose(self) -> Choice:
        """The port to open.

        Raises SeveralPorts if the choice is the user's, and BadAddress for an address that is none.
        """
        choice = choose_port(VIRTUAL if self._needs_virtual else self.port)
        if choice.is_virtual and self.flash is None:
            _, remark = virtual.kept_flash(self.board)
            choice = Choice(choice.port, "; ".join(filter(None, (choice.reason, remark))))
        return choice

    async def open_transport(self, at: Choice | None = None) -> Transport:
        """Opens the port for its bytes alone; `at` is one that has been chosen already."""
        choice = at or self.choose()
        if choice.is_virtual:
            return await virtual.start(self.board, self.flash, pace=self.pace, threads=self.threads)
        match scheme_of(choice.port):
            case "socket":
                return await open_socket(choice.port)
            case "rfc2217":
                return await open_rfc2217(choice.port)
        return await open_serial(choice.port, keep_lines=self.no_reset)

    @asynccontextmanager
    async def connect(
        self,
        *,
        on_log: Callable[[LogLine], None] | None = None,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        at: Choice | None = None,
    ) -> AsyncIterator[Device]:
        """Opens the device, makes the handshake, and closes it at the end of the block.

        `at` is the port, if it has been chosen already. `on_log` is called with each line of the
        device's log. Raises PortError if the port cannot be opened, and LinkError if no device
        answers on it within `open_timeout_s`.
        """
        choice = at or self.choose()
        transport = await self.open_transport(choice)
        link = Link(transport, window_limit=self.window, baud_limit=self.baud, on_log=on_log)
        try:
            hello = await link.open(open_timeout_s)
            yield Device(
                link,
                _describe(choice, hello),
                _name(choice, hello),
                port=choice.port if self.port is None else self.port,
                named=self.port is not None,
                reason=choice.reason,
            )
        finally:
            await link.close()

    @property
    def option(self) -> tuple[str, ...]:
        """The words of a command line that name the port, if it is named."""
        return ("--port", self.port) if self.port is not None else ()


def connect(
    target: Target | str | None = None,
    *,
    on_log: Callable[[LogLine], None] | None = None,
    open_timeout_s: float = OPEN_TIMEOUT_S,
) -> AbstractAsyncContextManager[Device]:
    """`Target.connect`, of a port or of a `Target` with more to say than a port."""
    if not isinstance(target, Target):
        target = Target(target)
    return target.connect(on_log=on_log, open_timeout_s=open_timeout_s)


def _describe(choice: Choice, hello: Hello) -> str:
    kind = "virtual device" if hello.virtual_device else hello.chip
    where = "" if choice.is_virtual else f" on {choice.port}"
    pace = f" at the pace of an {hello.chip.upper()} (estimated)" if _is_paced(hello) else ""
    estimated = ", its memory estimated" if hello.estimated else ""
    return f"{kind} (board {hello.board}{estimated}){pace}{where}"


def _name(choice: Choice, hello: Hello) -> str:
    """Such as `ESP32 on /dev/ttyUSB0` or `virtual ESP32, estimated pace`."""
    kind = f"{'virtual ' if hello.virtual_device else ''}{hello.chip.upper()}"
    where = "" if choice.is_virtual else f" on {choice.port.removeprefix('socket://')}"
    return f"{kind}{where}{', estimated pace' if _is_paced(hello) else ''}"


def _is_paced(hello: Hello) -> bool:
    """Only at a chip's pace does a virtual device have a clock."""
    return hello.virtual_device and hello.clock_hz > 0
