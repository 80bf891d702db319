"""Where port, transport, link and client are put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ..rpc.errors import PortNotFound
from ..rpc.link import Link
from ..rpc.messages import Hello
from ..rpc.receiver import LogLine
from ..rpc.transport import Transport, open_serial, open_socket
from . import ports, virtual
from .client import Device

OPEN_TIMEOUT_S = 4.0
"""How long a device may take to answer its first greeting."""


@asynccontextmanager
async def connect(
    port: str | None = None,
    *,
    baud: int | None = None,
    board: str = "esp32",
    flash: Path | None = None,
    pace: bool = False,
    window: int | None = None,
    no_reset: bool = False,
    on_log: Callable[[LogLine], None] | None = None,
    open_timeout_s: float = OPEN_TIMEOUT_S,
) -> AsyncIterator[Device]:
    """Opens a device, greets it, and closes it at the end of the block.

    `port` is a serial port, a pseudo-terminal, "socket://host:port" or "virtual"; None takes the
    one board that is plugged in, or else the virtual device with the memory of `board` and its
    flash in the file `flash`. `pace` takes the virtual device, which then needs the time that the
    board is estimated to need. `baud` and `window` limit the rate and the requests in flight, which
    are otherwise the most that both ends can do. `no_reset` leaves the control lines of a serial
    port as they are when it is closed. `on_log` is called with each line of the device's log.

    Raises PortError if the port cannot be opened, LinkError if no device answers on it within
    `open_timeout_s`, and InvalidValue for `pace` beside a port that is not the virtual device.
    """
    if pace:
        ports.check_pace(port)
    choice = ports.choose_port(ports.VIRTUAL if pace else port)
    transport = await open_transport(choice, board, flash, no_reset, pace)
    link = Link(transport, window_limit=window, baud_limit=baud, on_log=on_log)
    try:
        hello = await link.open(open_timeout_s)
        yield Device(
            link,
            _describe(choice, hello),
            port=choice.port if port is None else port,
            named=port is not None,
        )
    finally:
        await link.close()


async def open_transport(
    choice: ports.Choice, board: str, flash: Path | None, no_reset: bool, pace: bool = False
) -> Transport:
    """Opens the bytes of a port; the arguments are those of `connect`."""
    if choice.is_virtual:
        return await virtual.start(board, flash, pace=pace)
    scheme, separator, _ = choice.port.partition("://")
    if not separator:
        return await open_serial(choice.port, keep_lines=no_reset)
    if scheme == "socket":
        return await open_socket(choice.port)
    raise PortNotFound(
        choice.port, f"{scheme}:// is not supported", "Use socket://HOST:PORT for a port elsewhere."
    )


def _describe(choice: ports.Choice, hello: Hello) -> str:
    kind = "virtual device" if hello.virtual_device else hello.chip
    where = "" if choice.is_virtual else f" on {choice.port}"
    why = f"; {choice.reason}" if choice.reason else ""
    # Only at a chip's pace does a virtual device have a clock.
    paced = hello.virtual_device and hello.clock_hz > 0
    pace = f" at the pace of an {hello.chip.upper()} (estimated)" if paced else ""
    return f"{kind} (board {hello.board}){pace}{where}{why}"
