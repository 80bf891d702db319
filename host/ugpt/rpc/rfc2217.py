"""A serial port of another computer, over telnet with its com port option (RFC 2217).

esptool's `esp_rfc2217_server`, ser2net and many terminal servers offer ports so. Unlike a bare
socket, such a port has a rate and control lines.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from .errors import PortError, PortLost
from .messages import FIRST_BAUD
from .telnet import (
    ComPort,
    ComPortMessage,
    Control,
    Event,
    Negotiation,
    Option,
    TelnetDecoder,
    Verb,
    encode_com_port,
    encode_negotiation,
    escape,
)
from .transport import READ_BYTES, StreamTransport, open_stream

ANSWER_TIMEOUT_S = 3.0
"""How long a server may take to answer a setting."""
_FLOW_ANSWER_TIMEOUT_S = 1.0  # not every server answers this one

_SERVER_ADVICE = "Start a server on the computer with the board: esp_rfc2217_server -p 4000 PORT."
_PURGE_BOTH = b"\x03"
_FLOW_CONTROLS = {Control.XON_XOFF: "XON/XOFF", Control.HARDWARE_FLOW_CONTROL: "RTS/CTS"}
_OPTIONS = frozenset({Option.BINARY, Option.SUPPRESS_GO_AHEAD, Option.COM_PORT})


class Rfc2217Transport(StreamTransport):
    """A serial port behind an RFC 2217 server."""

    can_set_baud = True

    def __init__(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # What the base class reads is the data that the commands have been taken out of.
        self._data = asyncio.StreamReader()
        super().__init__(name, self._data, writer)
        self._decoder = TelnetDecoder()
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._negotiated: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._baud = FIRST_BAUD
        self._listener = asyncio.create_task(self._listen(reader), name=f"telnet {name}")

    async def open(self) -> None:
        """Agrees on what a serial port needs. Raises PortError if the server refuses a part."""
        for option in sorted(_OPTIONS):
            await self._send(encode_negotiation(Verb.WILL, option))
            await self._send(encode_negotiation(Verb.DO, option))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._negotiated
        except TimeoutError:
            raise self._no_server("does not answer as an RFC 2217 server") from None
        await self.set_baud(FIRST_BAUD)
        await self._set(ComPort.SET_DATASIZE, b"\x08", "8 data bits")
        await self._set(ComPort.SET_PARITY, b"\x01", "no parity")
        await self._set(ComPort.SET_STOPSIZE, b"\x01", "one stop bit")
        await self._stop_flow_control()
        # What was left over from the client before this one.
        await self._send(encode_com_port(ComPort.PURGE_DATA, _PURGE_BOTH))

    async def write(self, data: bytes) -> None:
        await self._flowing.wait()
        await self._send(escape(data))

    async def set_baud(self, baud: int) -> None:
        try:
            await self._set_baud(baud)
        except PortLost:
            raise
        except PortError:
            # The server may have taken another rate instead, at which nothing is understood.
            if baud != self._baud:
                with contextlib.suppress(PortError):
                    await self._set_baud(self._baud)
            raise
        self._baud = baud

    async def set_rts(self, on: bool) -> None:
        """Sets RTS, without DTR. No answer is waited for: esptool's server gives none."""
        for control in (Control.DTR_OFF, Control.RTS_ON if on else Control.RTS_OFF):
            await self._send(encode_com_port(ComPort.SET_CONTROL, bytes((control,))))

    async def close(self) -> None:
        self._listener.cancel()
        await asyncio.wait({self._listener})
        await super().close()

    async def _send(self, data: bytes) -> None:
        await super().write(data)

    async def _set_baud(self, baud: int) -> None:
        await self._set(ComPort.SET_BAUDRATE, baud.to_bytes(4, "big"), f"{baud:,} baud")

    async def _set(self, command: ComPort, value: bytes, what: str) -> None:
        """Raises PortError if the server answers with another setting, or not at all."""
        try:
            answer = await self._ask(command, value, ANSWER_TIMEOUT_S)
        except TimeoutError:
            raise PortError(
                f"The server at {self.name} does not answer the request for {what}.",
                "Check the server, then connect again.",
            ) from None
        # Some servers send more bytes than the value has.
        if answer[: len(value)] != value:
            raise PortError(
                f"The server at {self.name} refuses {what}.",
                "Allow it in the configuration of the server, or connect the board there in "
                "another way.",
            )

    async def _stop_flow_control(self) -> None:
        """XON and XOFF would be taken out of the data, and a board has no wire for RTS/CTS."""
        try:
            answer = await self._ask(
                ComPort.SET_CONTROL, bytes((Control.NO_FLOW_CONTROL,)), _FLOW_ANSWER_TIMEOUT_S
            )
        except TimeoutError:
            return
        for control, name in _FLOW_CONTROLS.items():
            if answer[:1] == bytes((control,)):
                raise PortError(
                    f"The server at {self.name} keeps {name} flow control.",
                    f"Switch {name} off in its configuration.",
                )

    async def _ask(self, command: ComPort, value: bytes, timeout_s: float) -> bytes:
        """The value in the answer. Raises TimeoutError if there is none."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers[command] = answer
        try:
            async with asyncio.timeout(timeout_s):
                await self._send(encode_com_port(command, value))
                return await answer
        finally:
            answer.cancel()
            del self._answers[command]

    # Listening

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        lost = PortLost(self.name, "the other end closed it")
        try:
            while data := await reader.read(READ_BYTES):
                for event in self._decoder.feed(data):
                    self._take(event)
                await self._writer.drain()
            self._data.feed_eof()
        except OSError as error:
            self._data.set_exception(error)
            lost = self._lost(error)
        finally:
            self._flowing.set()
            _fail(self._negotiated, lost)
            for answer in self._answers.values():
                _fail(answer, lost)

    def _take(self, event: Event) -> None:
        match event:
            case bytes():
                self._data.feed_data(event)
            case Negotiation(verb, option):
                self._negotiate(verb, option)
            case ComPortMessage(ComPort.FLOWCONTROL_SUSPEND):
                self._flowing.clear()
            case ComPortMessage(ComPort.FLOWCONTROL_RESUME):
                self._flowing.set()
            case ComPortMessage(command, value):
                answer = self._answers.get(command)
                if answer is not None and not answer.done():
                    answer.set_result(value)

    def _negotiate(self, verb: Verb, option: int) -> None:
        """Agrees to the options asked for, which both sides announce, and declines all others."""
        if option not in _OPTIONS:
            if verb in (Verb.WILL, Verb.DO):
                refusal = Verb.DONT if verb is Verb.WILL else Verb.WONT
                self._writer.write(encode_negotiation(refusal, option))
            return
        if verb in (Verb.WILL, Verb.DO):
            if option == Option.COM_PORT and not self._negotiated.done():
                self._negotiated.set_result(None)
        elif option == Option.COM_PORT:
            _fail(self._negotiated, self._no_server("speaks telnet, but not RFC 2217"))
        elif option == Option.BINARY:
            _fail(self._negotiated, self._no_server("refuses binary transmission"))

    def _no_server(self, what: str) -> PortError:
        return PortError(
            f"What listens at {self.name} {what}.",
            "A port without telnet is reached by socket://HOST:PORT; a server for a board is "
            "esp_rfc2217_server, which comes with esptool.",
        )


def _fail(future: asyncio.Future[Any], error: PortError) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # whether somebody waits for it or not, it is no news


async def open_rfc2217(url: str) -> Rfc2217Transport:
    """Connects to `rfc2217://HOST:PORT` and sets the port to 115,200 baud, 8N1.

    The control lines stay as they are: esptool's server takes a rising DTR for the wish to put the
    board into download mode.
    """
    transport = Rfc2217Transport(url, *await open_stream(url, _SERVER_ADVICE))
    try:
        await transport.open()
    except BaseException:
        await transport.close()
        raise
    return transport
