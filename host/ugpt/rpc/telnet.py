"""Telnet (RFC 854) with the com port option (RFC 2217), as bytes. Pure functions and a decoder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

IAC = 0xFF
_IAC = b"\xff"
_SUBNEGOTIATION_END = 0xF0
_SUBNEGOTIATION = 0xFA
_SUBNEGOTIATION_MAX_BYTES = 256
_ANSWER = 100
"""What a server adds to the number of a command when it answers it."""


class Verb(IntEnum):
    """What one side says of an option."""

    WILL = 0xFB
    WONT = 0xFC
    DO = 0xFD
    DONT = 0xFE


_VERBS = frozenset(Verb)


class Option(IntEnum):
    """The options that a serial port needs."""

    BINARY = 0  # every byte passes: no line ends are translated
    SUPPRESS_GO_AHEAD = 3
    COM_PORT = 44


class ComPort(IntEnum):
    """Commands of the com port option."""

    SET_BAUDRATE = 1
    SET_DATASIZE = 2
    SET_PARITY = 3
    SET_STOPSIZE = 4
    SET_CONTROL = 5
    FLOWCONTROL_SUSPEND = 8
    FLOWCONTROL_RESUME = 9
    PURGE_DATA = 12


class Control(IntEnum):
    """Values of SET_CONTROL."""

    NO_FLOW_CONTROL = 1
    XON_XOFF = 2
    HARDWARE_FLOW_CONTROL = 3
    DTR_OFF = 9
    RTS_ON = 11
    RTS_OFF = 12


@dataclass(frozen=True, slots=True)
class Negotiation:
    """One side tells the other what it does, or wants it to do."""

    verb: Verb
    option: int


@dataclass(frozen=True, slots=True)
class ComPortMessage:
    """A command of the com port option, or the answer to one."""

    command: int
    """Of an answer, the command that it answers."""
    value: bytes


Event = bytes | Negotiation | ComPortMessage


def escape(data: bytes) -> bytes:
    """Data as it is sent: a byte 255 would begin a command."""
    return data.replace(_IAC, _IAC + _IAC)


def encode_negotiation(verb: Verb, option: int) -> bytes:
    return bytes((IAC, verb, option))


def encode_com_port(command: ComPort, value: bytes) -> bytes:
    body = bytes((Option.COM_PORT, command)) + value
    return bytes((IAC, _SUBNEGOTIATION)) + escape(body) + bytes((IAC, _SUBNEGOTIATION_END))


class TelnetDecoder:
    """Takes a stream apart, fed in pieces of any size; drops commands that it does not know."""

    def __init__(self) -> None:
        self._held = b""  # the beginning of a command
        self._body: bytearray | None = None  # of a subnegotiation that has not ended

    def feed(self, data: bytes) -> list[Event]:
        """What is complete with these bytes, in the order in which it came."""
        data = self._held + data
        self._held = b""
        events: list[Event] = []
        plain = bytearray()
        position = 0
        while position < len(data):
            mark = data.find(_IAC, position)
            end = len(data) if mark < 0 else mark
            self._take(data[position:end], plain)
            if mark < 0:
                break
            command = data[mark + 1 : mark + 3]
            length = 3 if command and command[0] in _VERBS else 2
            if len(command) + 1 < length:
                self._held = data[mark:]
                break
            position = mark + length
            if command[0] == IAC:
                self._take(_IAC, plain)
            elif event := self._obey(command):
                if plain:
                    events.append(bytes(plain))
                    plain.clear()
                events.append(event)
        if plain:
            events.append(bytes(plain))
        return events

    def _take(self, piece: bytes, plain: bytearray) -> None:
        if self._body is None:
            plain += piece
        elif len(self._body) < _SUBNEGOTIATION_MAX_BYTES:
            self._body += piece

    def _obey(self, command: bytes) -> Event | None:
        if command[0] in _VERBS:
            return Negotiation(Verb(command[0]), command[1])
        if command[0] == _SUBNEGOTIATION:
            self._body = bytearray()
        elif command[0] == _SUBNEGOTIATION_END and self._body is not None:
            body, self._body = bytes(self._body), None
            if len(body) > 1 and body[0] == Option.COM_PORT:
                number = body[1]
                return ComPortMessage(number - _ANSWER * (number > _ANSWER), body[2:])
        return None
