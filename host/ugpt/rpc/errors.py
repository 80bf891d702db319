"""What can go wrong between the host and a device: its port, the conversation, a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..errors import InvalidValue, UgptError
from ..wording import command, counted, size_in_bytes
from .boot_log import BootLog
from .messages import ERRORS, ErrorCode, Hello


def where_to_look(port: str) -> str:
    """The beginning of advice about a port that fails; a cable is not everywhere."""
    scheme, separator, _ = port.partition("://")
    if not separator:
        return "Check the cable and the power"
    return "Check the server and its board" if scheme == "rfc2217" else "Check what listens there"


def examine_line(port: str) -> str:
    """The command that finds out what is wrong between this program and `port`."""
    is_port = "/" in port or port.upper().startswith("COM")
    return command("doctor", *(("--port", port) if is_port else ()))


class PortError(UgptError):
    """The port cannot be used."""


class PortNotFound(PortError):
    """There is no such port, or nothing listens at the address."""

    def __init__(self, port: str, reason: str, advice: str) -> None:
        super().__init__(f"Port {port} cannot be opened: {reason}.", advice)
        self.port = port


class BadAddress(PortNotFound, InvalidValue):
    """No port can have such an address."""


class PortBusy(PortError):
    """Another program holds the port; `holder` says which, if that is known."""

    def __init__(self, port: str, holder: str = "") -> None:
        super().__init__(
            f"Port {port} is in use by {holder or 'another program'}.",
            "Close the other ugpt, serial monitor or modem service and try again.",
        )
        self.port = port
        self.holder = holder


class PortPermission(PortError):
    """This user may not open the port; `group` is the group that may, if it is known."""

    def __init__(self, port: str, group: str | None) -> None:
        advice = (
            f"Join the group {group}: sudo usermod -aG {group} $USER, then log out and in again."
            if group
            else "Ask for read and write access to it; a container needs the number of its group "
            "(docker run --group-add)."
        )
        super().__init__(f"Port {port} may not be opened by this user.", advice)
        self.port = port
        self.group = group


class PortLost(PortError):
    """The port went away while it was in use."""

    def __init__(self, port: str, reason: str) -> None:
        super().__init__(
            f"Port {port} was lost: {reason}.", f"{where_to_look(port)}, then connect again."
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


class WrongDeviceOption(DeviceProgramError, InvalidValue):
    """The virtual device cannot be what it was told to be."""


class LinkError(UgptError):
    """The port works, but the conversation does not."""


class NoAnswer(LinkError):
    """Nothing, or something that is not a ugpt device, answers."""


def silent_device(port: str, method: str, timeout_s: float) -> NoAnswer:
    """A device that has answered a hello has stopped answering."""
    return NoAnswer(
        f"The device on {port} did not answer {method} for {timeout_s:.0f} seconds.",
        f"{where_to_look(port)}, or reset the board and connect again. If it stays so: "
        f"{examine_line(port)}",
    )


def unfinished(port: str, method: str, duration_s: float) -> NoAnswer:
    """A device answers other requests all the time, but not this one."""
    return NoAnswer(
        f"The device on {port} is alive but did not finish {method} in {duration_s:.0f} seconds.",
        f"Reset the board. If it stays so, the line may not carry every byte: {examine_line(port)}",
    )


def changed_bytes(port: str, method: str, tries: int) -> NoAnswer:
    """What is heard shows that every try of a request, or its answer, came to harm."""
    return NoAnswer(
        f"The device on {port} is alive, but none of {tries} tries of {method} came through whole: "
        "the line changes bytes.",
        f"Check the cable. To find out which bytes: {examine_line(port)}",
    )


def no_handshake(
    port: str, timeout_s: float, *, baud: int, bytes_came: bool, log: BootLog
) -> NoAnswer:
    """No device answers a hello; `log` has read the text that came instead."""
    if said := log.silence():
        return NoAnswer(f"The board on {port} {said.text}. It says: {said.line!r}.", said.advice)
    if bytes_came:
        rate = f" at {baud:,} baud" if baud else ""
        return NoAnswer(
            f"What comes from {port}{rate} is neither text nor the ugpt protocol: other firmware "
            "at another rate, or a line that does not carry every byte.",
            "Put the ugpt firmware on the board (ugpt flash), choose another port, or let the line "
            f"be examined: {examine_line(port)}",
        )
    return NoAnswer(
        f"Nothing answers on {port} within {timeout_s:.0f} seconds.",
        "Check that the ugpt firmware is on the board (ugpt flash), press its reset button, "
        f"and try again. To examine the line: {examine_line(port)}",
    )


class ProtocolError(LinkError):
    """The device sent a message that contradicts the protocol."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "Update host and firmware to the same version.")


class VersionMismatch(LinkError):
    """Host and firmware speak different major versions; `device_major` is None if unknown."""

    def __init__(self, host_major: int, device_major: int | None, build: str = "") -> None:
        theirs = "another version" if device_major is None else f"version {device_major}"
        firmware = f"The firmware {build}".rstrip()
        super().__init__(
            f"{firmware} speaks {theirs} of the protocol, this program version {host_major}.",
            "Write the firmware of this release to the board with `ugpt flash`, or install the "
            "release that matches it.",
        )
        self.device_major = device_major


class DeviceRestarted(LinkError):
    """The device started anew: what was not in a checkpoint is gone. Call `Device.handshake`.

    `boot_before` and `boot_now` are its boot numbers, None if not known (yet). `said` is the line
    in which it told why, if it did.
    """

    def __init__(
        self, boot_before: int | None, boot_now: int | None = None, said: str = ""
    ) -> None:
        message = f"The device restarted; it says: {said!r}." if said else "The device restarted."
        super().__init__(message, "What was not in a checkpoint is lost; resume the run.")
        self.boot_before = boot_before
        self.boot_now = boot_now


class LinkClosed(LinkError):
    """The connection is not open."""

    def __init__(self) -> None:
        super().__init__("The connection to the device is closed.", "Connect again.")


class DeviceError(UgptError):
    """The device refused a request. `detail` is a number whose meaning depends on the code."""

    CODE: ClassVar[ErrorCode]
    TEXT: ClassVar[str] = ""
    """What stands for the device's message if the number, a size, says more."""

    def __init__(self, code: int, message: str, detail: int = 0, advice: str = "") -> None:
        if detail and self.TEXT:
            message = self.TEXT.format(size=size_in_bytes(detail))
        super().__init__(message if message.endswith(".") else f"{message}.", advice)
        self.code = code
        self.detail = detail


class BadMessage(DeviceError):
    """The request was not understood at all."""

    CODE = ErrorCode.BAD_MESSAGE


class UnknownMethod(DeviceError):
    """The firmware is older than this program."""

    CODE = ErrorCode.UNKNOWN_METHOD


class BadParams(DeviceError):
    """A parameter lies outside its range."""

    CODE = ErrorCode.BAD_PARAMS

    def __init__(self, code: int, message: str, detail: int = 0, advice: str = "") -> None:
        super().__init__(code, f"The device refused a parameter: {message}", detail, advice)


class WrongVersion(DeviceError):
    """The firmware speaks another major version."""

    CODE = ErrorCode.WRONG_VERSION


class Busy(DeviceError):
    """The command needs an idle trainer."""

    CODE = ErrorCode.BUSY


class NoModel(DeviceError):
    """The device holds no model."""

    CODE = ErrorCode.NO_MODEL


class DoesNotFit(DeviceError):
    """The model needs more memory than there is."""

    CODE = ErrorCode.DOES_NOT_FIT
    TEXT = "The model needs {size} more memory than the device has."

    @property
    def missing_bytes(self) -> int:
        """By how much it does not fit."""
        return self.detail


class BadShape(DeviceError):
    """The numbers of the shape contradict each other."""

    CODE = ErrorCode.BAD_SHAPE


class DocumentGap(DeviceError):
    """Documents were sent that start after the next one the device needs."""

    CODE = ErrorCode.GAP

    def __init__(self, code: int, message: str, detail: int = 0, advice: str = "") -> None:
        message = f"The documents start after document {detail}, which the device needs next."
        super().__init__(code, message, detail, advice)

    @property
    def wanted(self) -> int:
        """Index of the document the device needs next."""
        return self.detail


class BadToken(DeviceError):
    """A token lies outside the vocabulary."""

    CODE = ErrorCode.BAD_TOKEN


class UnknownTensor(DeviceError):
    """The model has no such tensor or range."""

    CODE = ErrorCode.UNKNOWN_TENSOR


class FlashFailed(DeviceError):
    """Reading, erasing or writing the flash failed."""

    CODE = ErrorCode.FLASH_FAILED


class NoRoom(DeviceError):
    """The flash region is too small."""

    CODE = ErrorCode.NO_ROOM
    TEXT = "The flash of the device is {size} too small."

    @property
    def missing_bytes(self) -> int:
        """By how much the region is too small."""
        return self.detail


class NotFinite(DeviceError):
    """The loss became infinite or not a number."""

    CODE = ErrorCode.NOT_FINITE


class RunMismatch(DeviceError):
    """The device holds another run."""

    CODE = ErrorCode.OTHER_RUN


class HandshakeRequired(DeviceError):
    """The device has seen no `hello` since it started."""

    CODE = ErrorCode.HELLO_FIRST


class BadData(DeviceError):
    """The data set in flash is absent, incomplete or damaged."""

    CODE = ErrorCode.BAD_DATA


class NoStory(DeviceError):
    """There is no pretrained model in the flash."""

    CODE = ErrorCode.NO_STORY


class BadStory(DeviceError):
    """The pretrained model in the flash is damaged, or of a newer format."""

    CODE = ErrorCode.BAD_STORY


class LongPrompt(DeviceError):
    """The prompt fills the context."""

    CODE = ErrorCode.LONG_PROMPT

    def __init__(self, code: int, message: str, detail: int = 0, advice: str = "") -> None:
        message = f"The prompt has {counted(detail, 'token')} and fills the context."
        super().__init__(code, message, detail, advice)


_BY_CODE: dict[int, type[DeviceError]] = {cls.CODE: cls for cls in DeviceError.__subclasses__()}


REINSTALL = "Install this program again: its virtual device is of another release."
"""What helps a virtual device with other firmware."""


def firmware_too_old(hello: Hello, what: str) -> UnknownMethod:
    """A device of an older minor version was asked for something it does not know."""
    advice = REINSTALL if hello.virtual_device else ERRORS[ErrorCode.UNKNOWN_METHOD].advice
    message = f"The firmware {hello.build} does not know {what}."
    return UnknownMethod(ErrorCode.UNKNOWN_METHOD, message, advice=advice)


def device_error(code: int, message: str = "", detail: int = 0) -> DeviceError:
    """The exception for an error reply; a code that is not known becomes a plain DeviceError.

    An empty message stands for what the schema says of the code.
    """
    text = ERRORS.get(code)
    if text is None:
        return DeviceError(code, message or f"The device reports error {code}.", detail)
    return _BY_CODE[code](code, message or text.doc, detail, text.advice)
