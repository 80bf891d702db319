"""What a board behind a TCP port says to a host that it does not serve: a line of plain text.

Virtual devices say the first of the two themselves, in `port/posix/serial.cpp`.
"""

from __future__ import annotations

from .errors import PortBusy, PortError, PortNotFound
from .holders import VIRTUAL_PROGRAM, holder_of_address

MARK = f"{VIRTUAL_PROGRAM}: ".encode()
"""How the line begins. No frame does, and no text that a device sends."""

REFUSAL_MAX_BYTES = 1024
"""How much of such a line is read: it names a program or says what is wrong with a board."""

_IN_USE = "in use by "
_NO_BOARD = "no board: "


def in_use(holder: str) -> bytes:
    """For a host that comes while another one, or another program, has the board."""
    return MARK + f"{_IN_USE}{holder}\n".encode()


def no_board(reason: str) -> bytes:
    """For a host that comes while the board cannot be reached."""
    return MARK + f"{_NO_BOARD}{reason}\n".encode()


def refusal(port: str, line: bytes) -> PortError:
    """What it means that `port` has said such a line."""
    said = line.removeprefix(MARK).decode(errors="replace").strip()
    if said.startswith(_IN_USE):
        who = said.removeprefix(_IN_USE)
        return PortBusy(port, str(holder_of_address(who) or who))
    reason = said.removeprefix(_NO_BOARD).rstrip(".")
    return PortNotFound(
        port,
        f"there it says: {reason}",
        "Check the board there, and try again.",
    )
