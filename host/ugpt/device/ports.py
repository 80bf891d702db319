"""Which ports there are, and which of them to use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from serial.tools import list_ports as pyserial_ports

from ..errors import InvalidValue
from ..rpc.address import parse_url, scheme_of
from ..rpc.errors import BadAddress, SeveralPorts

VIRTUAL = "virtual"
"""The name of the virtual device if a port is asked for."""

SCHEMES = ("socket", "rfc2217")
"""Of addresses; what another computer, an emulator or `ugpt sim` offers."""

NATIVE_USB = "USB-Serial-JTAG"
"""The `bridge` of a port that is the USB of the chip itself."""

# USB vendor and product numbers of the bridges that ESP32 boards carry.
_BRIDGES = {
    (0x10C4, 0xEA60): "CP210x",
    (0x10C4, 0xEA70): "CP2105",
    (0x1A86, 0x7523): "CH340",
    (0x1A86, 0x7522): "CH340",
    (0x1A86, 0x55D3): "CH343",
    (0x1A86, 0x55D4): "CH9102",
    (0x0403, 0x6001): "FT232R",
    (0x0403, 0x6010): "FT2232H",
    (0x0403, 0x6015): "FT231X",
    (0x303A, 0x1001): NATIVE_USB,
}


@dataclass(frozen=True)
class PortInfo:
    """A serial port of this computer."""

    device: str
    """What to pass as `port`."""
    description: str
    bridge: str
    """The USB chip that ESP32 boards carry; empty if it is another one."""
    serial_number: str
    location: str = ""
    """The USB socket that it is plugged into, as the system names it; empty if not known."""

    @property
    def is_esp32(self) -> bool:
        """Whether an ESP32 may be behind it, as far as the USB numbers tell."""
        return bool(self.bridge)


@dataclass(frozen=True)
class Choice:
    """The port to use and, if it was not named, why this one."""

    port: str
    reason: str

    @property
    def is_virtual(self) -> bool:
        return self.port == VIRTUAL


def list_ports() -> list[PortInfo]:
    """The serial ports of this computer, those of boards first."""
    found = [
        PortInfo(
            device=port.device,
            description=port.description if port.description != "n/a" else "",
            bridge=_BRIDGES.get((port.vid or 0, port.pid or 0), ""),
            serial_number=port.serial_number or "",
            location=getattr(port, "location", None) or "",
        )
        for port in pyserial_ports.comports()
    ]
    return sorted(found, key=lambda port: (not port.is_esp32, port.device))


def check_virtual(option: str, port: str | None) -> None:
    """Raises InvalidValue for a port where no virtual device can be given this option."""
    if port not in (None, VIRTUAL):
        raise InvalidValue(
            f"{option} is for the virtual device, and --port {port} names another one.",
            f"Leave one of them out; `ugpt sim` takes {option} for a device that others use.",
        )


def choose_port(port: str | None, ports: Sequence[PortInfo] | None = None) -> Choice:
    """The named port, else the one board plugged in, else the virtual device.

    A port is named by its path, by a link to it, by the serial number of its USB chip, or by an
    address. `ports` replaces the ports of this computer. Raises SeveralPorts if the choice is the
    user's, and BadAddress for an address that is none.
    """
    if port is not None:
        return _named_port(port, ports)
    boards = [found for found in (list_ports() if ports is None else ports) if found.is_esp32]
    if not boards:
        return Choice(VIRTUAL, "no board is plugged in")
    if len(boards) > 1:
        raise SeveralPorts([board.device for board in boards])
    return Choice(boards[0].device, f"the only board plugged in, {boards[0].bridge}")


def _named_port(port: str, ports: Sequence[PortInfo] | None) -> Choice:
    if scheme := scheme_of(port):
        if scheme not in SCHEMES:
            raise BadAddress(
                port,
                f"{scheme}:// is not supported",
                f"A port elsewhere is {' or '.join(f'{name}://HOST:PORT' for name in SCHEMES)}.",
            )
        parse_url(port)
        return Choice(port, "")
    if port == VIRTUAL or os.path.lexists(port):
        return follow_link(Choice(port, ""))
    listed = list_ports() if ports is None else ports
    matching = [found.device for found in listed if is_serial_number(port, found)]
    if len(matching) > 1:
        raise SeveralPorts(matching)
    return Choice(matching[0], f"serial number {port}") if matching else Choice(port, "")


def is_serial_number(text: str, port: PortInfo) -> bool:
    return bool(port.serial_number) and text.casefold() == port.serial_number.casefold()


def follow_link(choice: Choice) -> Choice:
    """A link, such as those in /dev/serial/by-id, is what it leads to."""
    path = Path(choice.port)
    if choice.is_virtual or not path.is_symlink():
        return choice
    return replace(choice, port=os.path.realpath(path), reason=choice.reason or choice.port)
