"""Which bytes a line does not carry, and what takes them away.

Every value is sent by itself, in a ping and in a knock, more than once: a frame has a checksum of
any bytes, so that one alone may fail because of another byte. What fails again and again does not
pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ..rpc import messages
from ..rpc.errors import DeviceError, NoAnswer
from ..rpc.knock import PLAIN_KNOCK, checksum, heard, heard_plain, knock
from ..rpc.link import Link
from ..rpc.receiver import LogLine

_TRIES = 8
_FIRST_TRIES = 2  # one after the other; few values need the others
_ANSWER_S = 0.3
_AT_ONCE = 16
_MANY = 32
_VALUES = 255  # zero ends frames: no probe passes a line that does not pass it
# How often a frame holds the byte that it tries, at least. The length of a frame is a byte of it
# too: so far apart, one try at most fails for that, and the first does not for XON, XOFF and the
# line ends, which are lost most often.
_CARRIED = 8
_LONGER = 7

_ZERO = frozenset({0})
_XON_XOFF = {0x11, 0x13}
_LINE_ENDS = {0x0A, 0x0D}
_TELNET = {0xFF}
_EIGHTH_BIT = frozenset(range(0x80, 0x100))

Probe = Callable[[int, int], Awaitable[bool]]
"""Whether a byte passes; the number makes each try another frame."""


class LineExaminer:
    """Tries the bytes of a link whose listening has begun. `hear` is to get its lines of text."""

    def __init__(self) -> None:
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._plain_answer: asyncio.Future[int] | None = None

    def hear(self, line: LogLine) -> None:
        plain = heard_plain(line.text)
        if plain is not None and self._plain_answer is not None and not self._plain_answer.done():
            self._plain_answer.set_result(plain)
        answered = self._answers.get(heard(line.text) or 0)
        if answered is not None and not answered.done():
            answered.set_result(None)

    async def lost_bytes(self, link: Link) -> frozenset[int] | None:
        """The values that do not pass; None if nothing at all is answered."""
        ping, knock_once = self._ping_of(link), self._knock_of(link)
        pings = await self._answers_at_all(ping)
        knocks = await self._answers_at_all(knock_once)
        if not pings and not knocks:
            return await self._lost_without_frames(link)
        lost = await _lost(ping) if pings else set()
        lost |= await _lost(knock_once) if knocks else set()
        if len(lost) == _VALUES:
            return None  # the device is gone
        if lost or pings:
            return frozenset(lost)
        # What reaches the device and is not seen to be answered has lost on the way back what every
        # answer has: bytes above 127, and zeros.
        return _ZERO if link.stats.is_eighth_bit_seen else _EIGHTH_BIT

    async def _lost_without_frames(self, link: Link) -> frozenset[int] | None:
        """On a line that passes no frame at all."""
        for _ in range(_TRIES):
            answer = self._plain_answer = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(_ANSWER_S):
                    await link.send_plain(b"\n" + PLAIN_KNOCK + b"\n", _ANSWER_S)
                    # With a bit of parity it does not come as it was sent.
                    return _ZERO if await answer == checksum(PLAIN_KNOCK) else _EIGHTH_BIT
            except (TimeoutError, NoAnswer):
                continue
        return None

    async def _answers_at_all(self, probe: Probe) -> bool:
        for number in range(_TRIES):
            if await probe(ord("u"), number):
                return True
        return False

    def _ping_of(self, link: Link) -> Probe:
        async def ping(byte: int, number: int) -> bool:
            payload = _carried(byte, number)
            try:
                return await link.ask(messages.ping(payload), _ANSWER_S) == payload
            except NoAnswer:
                return False
            except DeviceError:
                return True  # the device has understood it, and wants a hello first

        return ping

    def _knock_of(self, link: Link) -> Probe:
        async def knock_once(byte: int, number: int) -> bool:
            body = knock_body(byte, number)
            answered = asyncio.get_running_loop().create_future()
            self._answers[checksum(body)] = answered
            try:
                async with asyncio.timeout(_ANSWER_S):
                    await link.send_body(body, _ANSWER_S)
                    await answered
            except (TimeoutError, NoAnswer):
                return False
            finally:
                del self._answers[checksum(body)]
            return True

        return knock_once


def _carried(byte: int, number: int) -> bytes:
    return bytes((byte,)) * (_CARRIED + number * _LONGER)


def knock_body(byte: int, number: int) -> bytes:
    """The body of the knock that tries a byte for the `number`-th time."""
    return knock(_carried(byte, number), number)


async def _lost(probe: Probe) -> set[int]:
    """The values that no try has brought through. XOFF comes last, for it stops some lines."""
    left = sorted(set(range(1, _VALUES + 1)) - _XON_XOFF) + sorted(_XON_XOFF, reverse=True)
    for number in range(_FIRST_TRIES):
        before, left = left, await _left(probe, left, range(number, number + 1))
        if number and left == before and len(left) > _MANY:
            return set(left)  # that is no accident
    return set(await _left(probe, left, range(_FIRST_TRIES, _TRIES)))


async def _left(probe: Probe, values: Sequence[int], tries: range) -> list[int]:
    """The values that none of these tries brings through, in the order they were given in."""
    slots = asyncio.Semaphore(_AT_ONCE)
    passing: set[int] = set()

    async def try_one(byte: int, number: int) -> None:
        async with slots:
            if byte not in passing and await probe(byte, number):
                passing.add(byte)

    await asyncio.gather(*(try_one(byte, number) for number in tries for byte in values))
    return [byte for byte in values if byte not in passing]


def describe(lost: frozenset[int]) -> str:
    """The values in hex, in runs."""
    firsts = [byte for byte in sorted(lost) if byte - 1 not in lost]
    lasts = [byte for byte in sorted(lost) if byte + 1 not in lost]
    return ", ".join(
        f"0x{first:02X}" if first == last else f"0x{first:02X} to 0x{last:02X}"
        for first, last in zip(firsts, lasts, strict=True)
    )


def cure(lost: frozenset[int]) -> str:
    """What to switch off, by what is lost."""
    if lost >= _EIGHTH_BIT:
        return "It carries 7 bits: set the port or its server to 8 data bits without parity."
    cures = [
        advice
        for marks, advice in (
            (_XON_XOFF, "XON/XOFF (software flow control)"),
            (_LINE_ENDS, "the translation of line ends (CR/LF)"),
            (_TELNET, "telnet mode, or reach it by rfc2217:// in place of socket://"),
        )
        if lost & marks
    ]
    if not cures:
        return "Set the port, the server or the bridge to raw 8-bit data."
    return f"Switch off at the port, the server or the bridge: {'; '.join(cures)}."
