"""Write the firmware to a board.

Keeps the checkpoints, the data set and the settings on the board; a run that the board does by
itself is saved first, and goes on afterwards. Writes the image that came with ugpt for this board.
In a clone without images, PlatformIO builds the firmware; it downloads its compiler the first time.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.status import Status as Spinner

from ...device.client import Device
from ...device.target import Target
from ...firmware.build import build, find_project, require_environment, require_project
from ...firmware.bundled import bundled_images, require_bundled
from ...firmware.errors import ImageError
from ...firmware.flash import (
    BAUD,
    INCOMPLETE,
    Loader,
    environment_for,
    open_loader,
    write_firmware,
)
from ...firmware.image import FirmwareImage, read_image
from ...rpc.errors import LinkError, NoAnswer, PortError, PortNotFound
from ...rpc.messages import METHODS
from ...training.guard import (
    WouldInterrupt,
    WouldOverwrite,
    keep_over_restart,
    require_free,
    require_no_interruption,
    unknown_steps,
)
from ...view.output import console, error_console, say
from ...view.progress import byte_progress
from ...view.style import QUIET, byte_count
from ...wording import command as command_line
from ..ending import Status, ending
from ..numbers import protocol_number
from ..options import run
from ..overwriting import Granted, Overwrite, granted_by, run_granting
from ..paths import path

EXAMPLES = [
    "ugpt flash --port /dev/ttyUSB0",
    "ugpt flash --env esp32-s3-devkitc-1",
    "ugpt flash --image ugpt-0.1.0-esp32dev.bin",
    "ugpt flash --build",
]

_APPEAR_S = 10.0  # a port on the chip's own USB is gone while the chip restarts
_BOOT_S = 6.0


def command(
    port: Annotated[
        str | None,
        typer.Option(
            "--port",
            "-p",
            help="Serial port of the board, or socket://HOST:PORT. Default: the ESP32 that is "
            "plugged in.",
            metavar="PORT",
        ),
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option(
            "--env",
            help="Take the firmware for this board, such as esp32dev. Default: chosen by the chip.",
            metavar="ENV",
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            help="Release image or build folder to write.",
            metavar="FILE",
            parser=path,
        ),
    ] = None,
    build_it: Annotated[
        bool,
        typer.Option("--build", help="Build with PlatformIO, even if an image is available."),
    ] = False,
    erase: Annotated[
        bool,
        typer.Option(
            "--erase",
            help="Erase the whole flash first, including checkpoints and settings.",
        ),
    ] = False,
    baud: Annotated[
        int,
        typer.Option(
            help="Baud rate for writing.", **protocol_number(METHODS["set_baud"].param("baud"))
        ),
    ] = BAUD,
    overwrite: Overwrite = False,
    no_reset: Annotated[
        bool,
        typer.Option("--no-reset", help="Do not reset the board into download mode."),
    ] = False,
) -> None:
    if image and environment:
        raise typer.BadParameter("an image is built already; leave --env out", param_hint="--env")
    if image and build_it:
        raise typer.BadParameter(
            "an image is built already; leave --build out", param_hint="--build"
        )
    target = _target(Target(port, baud, no_reset))
    granted = granted_by(overwrite)
    firmware = None
    if image:
        firmware = read_image(image)
    elif build_it or not _has_bundled(environment):
        project = require_project()
        if environment is None:
            granted = _leave_board(target, erase, granted)
        with ending.tidying():
            firmware = _build(project, environment or _environment_of(target))
    elif environment:
        firmware = _bundled(environment)
    _leave_board(target, erase, granted)
    writing = False
    try:
        with ending.tidying(), open_loader(target) as loader:
            say(f"{loader.description} on {target.port}")
            firmware = firmware or _bundled_for(loader)
            version = f" {firmware.version}" if firmware.version else ""
            size = byte_count(firmware.size_bytes)
            say(f"writing {size} of firmware{version} for {firmware.chip}")
            with byte_progress("firmware to the board") as progress:
                writing = True
                write_firmware(loader, firmware, erase=erase, progress=progress)
    except KeyboardInterrupt:
        say(INCOMPLETE if writing else "Nothing was written.")
        raise typer.Exit(Status.INTERRUPTED) from None
    console().tell(f"written to {target.port} and verified")
    run(_shake_hands(Target(target.port)))


def _leave_board(target: Target, erase: bool, granted: Granted) -> Granted:
    """Has the board save what it trains by itself; what would be lost or interrupted is asked for.

    Returns what is granted from now on.
    """

    async def work(granted: Granted) -> Granted:
        async with contextlib.AsyncExitStack() as stack:
            try:
                device = await stack.enter_async_context(Target(target.port).connect())
            except LinkError:
                # It has no firmware of ours, or none that works: there is nobody to ask. So it is
                # while the chip waits in download mode.
                return granted
            await _require_interruptible(device, erase, granted)
        return granted

    return granted if target.no_reset else run_granting(work, granted)


async def _require_interruptible(device: Device, erase: bool, granted: Granted) -> None:
    may_overwrite = WouldOverwrite in granted
    try:
        if erase:
            await require_free(device, may_overwrite=may_overwrite)
            return
        if WouldInterrupt not in granted:
            await require_no_interruption(device)
        again = command_line("flash", *device.option, "--overwrite")
        await keep_over_restart(device, may_overwrite=may_overwrite, again=again)
    except LinkError as error:
        if may_overwrite:
            return
        raise unknown_steps(error, "To write the firmware") from None


def _target(target: Target) -> Target:
    """The board to flash, with its port named."""
    choice = target.choose()
    if choice.is_virtual:
        why = choice.reason or "the virtual device needs no flashing"
        raise PortError(
            f"There is no board to flash: {why}.", "Plug one in, or name its port with --port."
        )
    if choice.reason:
        say(f"{choice.port}: {choice.reason}")
    return replace(target, port=choice.port)


def _has_bundled(environment: str | None) -> bool:
    images = bundled_images()
    if environment is None or find_project() is None:
        return bool(images)
    return environment in images


def _bundled(environment: str) -> FirmwareImage:
    path = require_bundled(environment)
    say(f"{path.name}, which came with ugpt")
    return read_image(path)


def _bundled_for(loader: Loader) -> FirmwareImage:
    try:
        return _bundled(environment_for(loader))
    except ImageError:
        loader.restart()
        raise


def _environment_of(target: Target) -> str:
    with open_loader(target) as loader:
        environment = environment_for(loader)
        # What is on the board may run on meanwhile, and stays if the build fails.
        loader.restart()
    say(f"{loader.description} on {target.port}: building {environment}")
    return environment


def _build(project: Path, environment: str) -> FirmwareImage:
    require_environment(project, environment)
    with Spinner(f"PlatformIO builds {environment}", console=error_console()) as spinner:
        steps = 0

        def show(line: str) -> None:
            nonlocal steps
            steps += line.startswith(("Compiling", "Archiving", "Linking"))
            spinner.update(f"PlatformIO builds {environment} [{QUIET}]{steps:,}  {_short(line)}[/]")

        return read_image(build(project, environment, show))


def _short(line: str) -> str:
    # Square brackets are markup here.
    return line.replace("[", "(").replace("]", ")")[-60:]


async def _shake_hands(target: Target) -> None:
    """Makes the handshake with the new firmware, and says what runs."""
    deadline = asyncio.get_running_loop().time() + _APPEAR_S
    while True:
        try:
            async with target.connect(open_timeout_s=_BOOT_S) as device:
                hello = device.hello
                console().tell(
                    f"{device.description} runs ugpt {hello.build}, protocol "
                    f"{hello.major}.{hello.minor}"
                )
                return
        except PortNotFound:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.5)
        except (LinkError, PortError) as error:
            raise NoAnswer(
                f"The firmware is on the board, but no handshake came of it: {error.message}",
                "Press the reset button, then try ugpt info; ugpt monitor shows what it says.",
            ) from None
