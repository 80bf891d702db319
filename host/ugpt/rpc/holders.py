"""Which programs hold a port, as far as Linux tells; other systems do not."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

VIRTUAL_PROGRAM = "ugpt-device"
"""The program of the virtual device."""

_PROC = Path("/proc")


class Holder(NamedTuple):
    """A process that has something open."""

    pid: int
    program: str

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid})"


def is_known() -> bool:
    """Whether this system tells who holds what."""
    return os.access(_PROC / "self/fd", os.R_OK)


def holders_of(port: Path) -> list[Holder]:
    """The other processes that have a serial port or a file open."""
    return list(_holders(os.path.realpath(port)))


def holder_of_address(address: str) -> Holder | None:
    """The other process whose end of a TCP connection is `HOST:PORT`, if it runs here."""
    host, _, port = address.rpartition(":")
    try:
        inode = _inode_of(host.strip("[]"), int(port))
    except (OSError, ValueError, IndexError):
        return None
    return next(_holders(f"socket:[{inode}]"), None) if inode else None


def _holders(wanted: str) -> Iterator[Holder]:
    """Of the processes that this user may look into."""
    numbers = sorted(int(path.name) for path in _entries(_PROC) if path.name.isdecimal())
    for pid in numbers:
        process = _PROC / str(pid)
        if pid != os.getpid() and any(_leads_to(path, wanted) for path in _entries(process / "fd")):
            yield Holder(pid, _program(process))


def _leads_to(link: Path, wanted: str) -> bool:
    try:
        return str(link.readlink()) == wanted
    except OSError:
        return False  # closed meanwhile


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text(errors="replace").removesuffix("\n")
    except OSError:
        return "a program"


def _entries(folder: Path) -> list[Path]:
    """None if the process has ended, or belongs to somebody else."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _inode_of(host: str, port: int) -> int:
    """Of the local end of a connection; 0 if there is none. The tables hold words in hex."""
    family, table = (socket.AF_INET6, "tcp6") if ":" in host else (socket.AF_INET, "tcp")
    packed = socket.inet_pton(family, host)
    words = [packed[at : at + 4][::-1].hex() for at in range(0, len(packed), 4)]
    local = f"{''.join(words)}:{port:04x}".upper()
    for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == local:
            return int(fields[9])
    return 0
