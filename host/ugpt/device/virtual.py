"""The virtual device: the firmware compiled for this computer, started as a program of its own."""

from __future__ import annotations

import ipaddress
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from ..errors import reason_of
from ..rpc.errors import DeviceProgramError
from ..rpc.holders import VIRTUAL_PROGRAM
from ..rpc.transport import ProcessTransport, spawn
from ..storage.plain_file import open_plain
from ..storage.state_folder import state_folder
from ..wording import command as shell
from ..wording import install_command

PROGRAM_VARIABLE = "UGPT_DEVICE"
"""Environment variable with the path of another device program."""

IN_MEMORY = Path(os.devnull)
"""In the place of a flash file: nothing is kept."""

_LEAST_BYTES = 65_536  # of a flash that holds something


def program() -> Path:
    """The device program; raises DeviceProgramError if there is none."""
    named = os.environ.get(PROGRAM_VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise DeviceProgramError(
                f"{PROGRAM_VARIABLE} names {named}, which is not a program.",
                "Correct the variable or remove it.",
            )
        return Path(named)
    if sys.platform == "win32":
        raise DeviceProgramError(
            "The virtual device needs Linux or macOS.",
            "Connect a board and name its port (--port COM3), or run ugpt in WSL.",
        )
    for path in _places():
        if os.access(path, os.X_OK):
            return path
    raise DeviceProgramError(
        "The virtual device was not built with this installation of ugpt.",
        f"Name the program in {PROGRAM_VARIABLE}, or install ugpt again: "
        + install_command("--force-reinstall"),
    )


def _places() -> Iterator[Path]:
    for package in import_module("ugpt").__path__:
        yield Path(package) / "_bin" / VIRTUAL_PROGRAM
    # An editable installation leaves the sources where they are and the program here.
    for scheme in ("platlib", "purelib"):
        yield Path(sysconfig.get_path(scheme)) / "ugpt" / "_bin" / VIRTUAL_PROGRAM


def default_flash(board: str) -> Path:
    """The file that is the flash of the virtual device if none is named. Raises OSError."""
    return state_folder() / f"virtual-{board}.flash"


def kept_flash(board: str) -> tuple[Path, str]:
    """The default file, made if needed; or IN_MEMORY, and why it cannot be used."""
    try:
        file = default_flash(board)
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = open_plain(file, os.O_RDWR | os.O_CREAT)
        try:
            if os.fstat(descriptor).st_size == 0:
                _require_room(file.parent)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        where = getattr(error, "filename", None)
        of = f" ({where})" if where else ""
        return IN_MEMORY, f"its flash is not kept: {reason_of(error)}{of}"
    return file, ""


def _require_room(folder: Path) -> None:
    """Raises OSError if what is written there would not stay, as on a full disk."""
    import tempfile

    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_LEAST_BYTES))


def is_loopback(host: str) -> bool:
    """Whether a device that listens there is reached from this computer alone."""
    name = host.strip("[]").casefold()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False  # all interfaces, or a name that may mean any of them


def command(
    board: str = "esp32",
    flash: Path | None = None,
    extra: Sequence[str] = (),
    pace: bool = False,
    threads: int = 1,
) -> list[str]:
    """The command line of a virtual device; creates the folder of its flash file.

    Without `flash` that is the default file, or none if it cannot be used. With `pace` the device
    takes the time that the board is estimated to take; it computes in so many `threads`.
    """
    options = ["--board", board, *(["--pace"] if pace else [])]
    if threads > 1:
        options += ["--threads", str(threads)]
    file = kept_flash(board)[0] if flash is None else flash
    if file == IN_MEMORY:
        return [str(program()), *options, *extra]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise DeviceProgramError(
            f"The flash of the virtual device cannot be kept at {file}: {reason_of(error)}.",
            "Name another file with --flash.",
        ) from error
    return [str(program()), *options, "--flash", str(file), *extra]


async def start(
    board: str = "esp32",
    flash: Path | None = None,
    extra: Sequence[str] = (),
    pace: bool = False,
    threads: int = 1,
) -> ProcessTransport:
    """Starts a virtual device that speaks on its standard streams."""
    return await spawn(
        "virtual device", [*command(board, flash, extra, pace, threads), "--stdio"], _advice_for
    )


def _advice_for(said: str) -> str:
    """What to do about a device that ended with these words."""
    if "in use by another virtual device" not in said:
        return ""
    return (
        "Wait until the ugpt that uses it ends, or start another device and give its address to "
        f"--port: {shell('sim', '--flash', 'another.flash')}"
    )
