"""Everything that can go wrong, as one tree. `str(error)` is what a user should read.

UgptError
|-- PortError               the bytes cannot flow
|   |-- PortNotFound
|   |-- PortBusy
|   |-- PortPermission
|   |-- PortLost
|   |-- SeveralPorts
|   `-- DeviceProgramError  the virtual device is missing or ended
|-- LinkError               they flow, but no conversation comes of it
|   |-- NoAnswer
|   |-- ProtocolError
|   |-- VersionMismatch
|   |-- DeviceRestarted
|   `-- LinkClosed
|-- DeviceError             the device refused a request, one class for each code of the schema
|   |-- BadMessage, UnknownMethod, BadParams, WrongVersion, Busy, NoModel, DoesNotFit, BadShape,
|   `-- Gap, BadToken, UnknownTensor, FlashFailed, NoRoom, NotFinite, OtherRun, BadData,
|       HandshakeRequired
|-- InvalidValue            a value that no device could accept
|-- DataError               a training text
|-- RunError                a run folder
|-- ImageError              a firmware image
`-- ToolError               another program that is needed

LinkError, DeviceError and what is below them are defined in `rpc.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .rpc.errors import BadData as BadData
    from .rpc.errors import BadMessage as BadMessage
    from .rpc.errors import BadParams as BadParams
    from .rpc.errors import BadShape as BadShape
    from .rpc.errors import BadToken as BadToken
    from .rpc.errors import Busy as Busy
    from .rpc.errors import DeviceError as DeviceError
    from .rpc.errors import DeviceRestarted as DeviceRestarted
    from .rpc.errors import DoesNotFit as DoesNotFit
    from .rpc.errors import FlashFailed as FlashFailed
    from .rpc.errors import Gap as Gap
    from .rpc.errors import HandshakeRequired as HandshakeRequired
    from .rpc.errors import LinkClosed as LinkClosed
    from .rpc.errors import LinkError as LinkError
    from .rpc.errors import NoAnswer as NoAnswer
    from .rpc.errors import NoModel as NoModel
    from .rpc.errors import NoRoom as NoRoom
    from .rpc.errors import NotFinite as NotFinite
    from .rpc.errors import OtherRun as OtherRun
    from .rpc.errors import ProtocolError as ProtocolError
    from .rpc.errors import UnknownMethod as UnknownMethod
    from .rpc.errors import UnknownTensor as UnknownTensor
    from .rpc.errors import VersionMismatch as VersionMismatch
    from .rpc.errors import WrongVersion as WrongVersion
else:
    # The rooms that raise errors of their own, each in its module `errors`.
    _ROOMS = ("rpc",)

    def __getattr__(name: str) -> object:
        """Offers the errors of every room; loads a room when one of its errors is asked for."""
        if not name.startswith("_"):
            for room in _ROOMS:
                found = vars(import_module(f"{__package__}.{room}.errors")).get(name)
                if isinstance(found, type) and issubclass(found, UgptError):
                    return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class UgptError(Exception):
    """What went wrong and where (`message`), and what to try (`advice`, may be empty)."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".rstrip()


class PortError(UgptError):
    """The port cannot be used."""


class PortNotFound(PortError):
    """There is no such port, or nothing listens at the address."""

    def __init__(self, port: str, reason: str, advice: str) -> None:
        super().__init__(f"Port {port} cannot be opened: {reason}.", advice)
        self.port = port


class PortBusy(PortError):
    """Another program holds the port."""

    def __init__(self, port: str) -> None:
        super().__init__(
            f"Port {port} is in use by another program.",
            "Close the other ugpt, serial monitor or modem service and try again.",
        )
        self.port = port


class PortPermission(PortError):
    """This user may not open the port; `group` is the group that may, where one is known."""

    def __init__(self, port: str, group: str | None) -> None:
        advice = (
            f"Join the group {group}: sudo usermod -aG {group} $USER, then log out and in again."
            if group
            else "Ask for read and write access to it."
        )
        super().__init__(f"Port {port} may not be opened by this user.", advice)
        self.port = port
        self.group = group


class PortLost(PortError):
    """The port went away while it was in use."""

    def __init__(self, port: str, reason: str) -> None:
        super().__init__(
            f"Port {port} was lost: {reason}.", "Check the cable and the power, then connect again."
        )
        self.port = port


class SeveralPorts(PortError):
    """More than one board is plugged in, and none was named."""

    def __init__(self, ports: Sequence[str]) -> None:
        super().__init__(
            f"Several boards are plugged in: {', '.join(ports)}.",
            f"Name one: --port {ports[0]}",
        )
        self.ports = tuple(ports)


class DeviceProgramError(PortError):
    """The program that runs as the virtual device is missing or ended on its own."""


class InvalidValue(UgptError):
    """A value lies outside the range of the protocol; nothing was sent."""


class DataError(UgptError):
    """A training text is absent, empty or not text."""


class RunError(UgptError):
    """A run folder cannot be created, read or resumed."""


class ImageError(UgptError):
    """A firmware image is absent, damaged or not for this board."""


class ToolError(UgptError):
    """Another program that is needed is absent or failed."""
