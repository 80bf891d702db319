"""Writes firmware to a board with esptool.

esptool blocks while it works, so nothing here is a coroutine.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from ..device.bulk import Progress
from ..device.ports import NATIVE_USB, list_ports
from ..device.target import Target
from ..errors import UgptError
from ..rpc.address import scheme_of
from ..rpc.errors import NoAnswer, PortBusy, PortError, PortNotFound, where_to_look
from ..rpc.transport import open_error
from ..wording import with_article
from .errors import ImageError
from .image import FirmwareImage, Part

BAUD = 460_800
"""The highest rate that all usual bridges carry."""

INCOMPLETE = (
    "The firmware on the board is incomplete now. Check the cable and run ugpt flash again: its "
    "loader is in ROM and cannot be damaged."
)

_ENVIRONMENTS = {
    "ESP32": "esp32dev",
    "ESP32-S3": "esp32-s3-devkitc-1",
    "ESP32-C3": "esp32-c3-devkitm-1",
}
_USB_ENVIRONMENTS = {"ESP32-S3": "esp32-s3-usb", "ESP32-C3": "esp32-c3-usb"}


class Loader(Protocol):
    """A chip that waits for firmware."""

    port: str
    chip: str
    """Such as "ESP32-S3"."""
    description: str
    """The chip with its revision."""
    native_usb: bool
    """Whether the port is the USB of the chip itself."""
    flash_bytes: int | None

    def erase(self) -> None:
        """Erases the whole flash."""

    def write(self, part: Part, progress: Progress) -> None:
        """Writes and verifies; `progress` counts the bytes of this part."""

    def restart(self) -> None:
        """Lets the chip run what is in its flash."""


def environment_for(loader: Loader) -> str:
    """The PlatformIO environment for the chip that was found. Raises ImageError without one."""
    usual = _ENVIRONMENTS.get(loader.chip)
    if usual is None:
        raise ImageError(
            f"There is no firmware for the {loader.chip} on {loader.port}.",
            f"It runs on these: {', '.join(_ENVIRONMENTS)}.",
        )
    return _USB_ENVIRONMENTS[loader.chip] if loader.native_usb else usual


def write_firmware(
    loader: Loader, image: FirmwareImage, *, erase: bool = False, progress: Progress
) -> None:
    """Writes an image and starts it.

    Checkpoints, data set and settings stay unless `erase`. Raises ImageError, starting what was
    there before, if the image is not for this board.
    """
    try:
        _require_match(loader, image, erase)
    except ImageError:
        loader.restart()
        raise
    if erase:
        loader.erase()
    done = 0
    for part in image.parts:
        before = done

        def show(count: int, _: int, before: int = before) -> None:
            progress(before + count, image.size_bytes)

        loader.write(part, show)
        done += len(part.content)
        progress(done, image.size_bytes)
    loader.restart()


def _require_match(loader: Loader, image: FirmwareImage, erase: bool) -> None:
    if image.chip != loader.chip:
        raise ImageError(
            f"{image.path} is for {with_article(image.chip)}, but the board on {loader.port} has "
            f"{with_article(loader.chip)}.",
            "Nothing was written. Take the image of this board, or leave --image out.",
        )
    if loader.flash_bytes is not None and image.flash_bytes > loader.flash_bytes:
        raise ImageError(
            f"The firmware needs {image.flash_bytes:,} bytes of flash, the board on {loader.port} "
            f"has {loader.flash_bytes:,}.",
            "Nothing was written. Take a board with more flash.",
        )
    if image.overwrites and not erase:
        raise ImageError(
            f"{image.path} also holds what a board keeps: checkpoints, data set or settings.",
            "Nothing was written. To replace those of the board too, add --erase.",
        )


@contextmanager
def open_loader(target: Target) -> Iterator[Loader]:
    """Puts the chip behind a port into download mode.

    With `no_reset` it must be in that mode already, as behind a port without control lines.
    Raises PortError if the port cannot be opened or is lost, NoAnswer if no chip waits there.
    """
    import esptool  # slow to import, and needed here alone

    port = target.choose().port
    scheme = scheme_of(port)
    if not scheme:
        _require_openable(port)
    with _translated(port) as phase:
        listener = _listen_to_esptool()
        # Behind a bare socket is an emulator, which has no control lines and no rates, and cannot
        # run esptool's stub.
        is_emulator = scheme == "socket"
        mode = "no-reset" if target.no_reset or is_emulator else "default-reset"
        # esptool's own server does not answer requests for the control lines.
        name = f"{port.partition('?')[0]}?ign_set_control" if scheme == "rfc2217" else port
        try:
            chip = esptool.detect_chip(name, connect_mode=mode)
        except esptool.FatalError as error:
            raise _connect_error(port, str(error)) from None
        try:
            if not is_emulator:
                chip = esptool.run_stub(chip)
                chip.change_baud(target.baud or BAUD)
            esptool.attach_flash(chip)
            yield EsptoolLoader(port, chip, listener, phase)
        finally:
            with contextlib.suppress(OSError):
                chip._port.close()


class EsptoolLoader:
    """A chip that esptool has connected to."""

    def __init__(self, port: str, chip: Any, listener: _Listener, phase: _Phase) -> None:
        self.port = port
        self.chip: str = chip.CHIP_NAME
        self.description: str = chip.get_chip_description()
        self.native_usb = any(
            found.device == port and found.bridge == NATIVE_USB for found in list_ports()
        )
        self.flash_bytes = _flash_bytes(chip)
        self._chip = chip
        self._listener = listener
        self._phase = phase

    def erase(self) -> None:
        import esptool

        self._phase.writing = True
        esptool.erase_flash(self._chip)

    def write(self, part: Part, progress: Progress) -> None:
        import esptool

        self._phase.writing = True
        size = len(part.content)
        # esptool counts compressed bytes.
        self._listener.progress = lambda done, total: progress(size * done // max(total, 1), size)
        esptool.write_flash(self._chip, [(part.offset, part.content)])
        self._listener.progress = None

    def restart(self) -> None:
        import esptool

        self._phase.writing = False
        esptool.reset_chip(self._chip, "hard-reset")


@dataclass
class _Phase:
    """What a failure would mean for the board."""

    writing: bool = False


@dataclass
class _Listener:
    progress: Progress | None = None


@cache
def _listen_to_esptool() -> _Listener:
    """Silences esptool, and takes its progress; it has one logger for the whole program."""
    from esptool.logger import TemplateLogger, log

    listener = _Listener()

    # Without any state of its own: esptool 5.0 takes over the class, later versions the object.
    class Logger(TemplateLogger):  # type: ignore[misc]
        def print(self, *args: object, **kwargs: object) -> None:
            pass

        def note(self, message: str) -> None:
            pass

        def warning(self, message: str) -> None:
            pass

        def error(self, message: str) -> None:
            pass

        def stage(self, finish: bool = False) -> None:
            pass

        def set_verbosity(self, verbosity: str) -> None:
            pass

        def progress_bar(
            self,
            cur_iter: int,
            total_iters: int,
            prefix: str = "",
            suffix: str = "",
            bar_length: int = 30,
        ) -> None:
            if listener.progress is not None:
                listener.progress(cur_iter, total_iters)

    log.set_logger(Logger())
    return listener


def _flash_bytes(chip: Any) -> int | None:
    import esptool

    size = esptool.detect_flash_size(chip)
    return esptool.flash_size_bytes(size) if size else None


@contextmanager
def _translated(port: str) -> Iterator[_Phase]:
    """Turns what esptool raises into what the user should know of the board."""
    import esptool

    phase = _Phase()
    try:
        yield phase
    except (esptool.FatalError, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else "the port is gone"
        if phase.writing:
            raise PortError(
                f"Writing the firmware to {port} was cut short: {reason}.", INCOMPLETE
            ) from None
        raise PortError(
            f"The chip on {port} stopped answering: {reason}.",
            f"Nothing was written. {where_to_look(port)}, then try again.",
        ) from None


def _require_openable(port: str) -> None:
    if sys.platform == "win32":
        return
    try:
        os.close(os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError as error:
        raise open_error(port, error) from None


def _connect_error(port: str, said: str) -> UgptError:
    if "exclusively lock" in said or "Resource temporarily unavailable" in said:
        return PortBusy(port)
    if "Could not open" in said or "Could not configure" in said:
        return PortNotFound(port, "this is not a serial port", "`ugpt ports` lists the ports.")
    return NoAnswer(
        f"No ESP32 in download mode answers on {port}.",
        "Hold its BOOT button, press and release reset, let go of BOOT, and try again with "
        "--no-reset.",
    )
