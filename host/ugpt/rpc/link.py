"""The conversation with a device: requests and their answers over a line that may lose bytes.

Every command of the protocol may be repeated without harm, so this link simply asks again, with
the same id, until an answer comes or the time is up. No other module knows about repetition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from ..errors import UgptError, UnfitValue
from ..wording import counted
from . import baud, codec, envelope, messages
from .boot_log import BootLog
from .envelope import Failure, Response
from .errors import (
    DeviceRestarted,
    HandshakeRequired,
    LinkClosed,
    NoAnswer,
    PortLost,
    VersionMismatch,
    WrongVersion,
    changed_bytes,
    firmware_too_old,
    no_handshake,
    silent_device,
    unfinished,
)
from .frames import encode_frame
from .line_quality import LineQuality
from .messages import (
    FIRST_BAUD,
    FRAME_MIN_BYTES,
    PROTOCOL_MAJOR,
    PROTOCOL_MINOR,
    Hello,
)
from .pending import PROBE_ID, REPEATED_AT_ONCE, PendingCall, PendingCalls
from .receiver import LogLine, Receiver
from .schema import Call, Task
from .stats import BITS_PER_BYTE, LineRate, LinkStats, Patience, RoundTrip, stood_still_s
from .transport import Transport

ResultT = TypeVar("ResultT")

TIMEOUT_S = 5.0
"""How long a silent device is asked again."""
TRAINER_TIMEOUT_S = 120.0
"""How long a device that answers pings may work on one request of the trainer."""

_RAISES = 3  # how often a handshake tries to raise the rate of a device that keeps restarting
_LOST_TRIES = 64  # of one request, after which the line is not only noisy
_REPEAT_WAIT_S = 0.5  # at most, between repeats of what is answered at once
_AT_ONCE = 0.125  # of the time between repeats
_BUSY_WAIT_S = 1.0  # at most, between repeats of what the trainer may be busy with


class LinkState(Enum):
    CLOSED = "closed"
    OPENING = "opening"
    HANDSHAKE = "handshake"  # bytes flow; the device wants a hello before anything else
    READY = "ready"
    LOST = "lost"  # the port is gone


class Link:
    """One connection. Requests may be made from several tasks at once."""

    def __init__(
        self,
        transport: Transport,
        *,
        window_limit: int | None = None,
        baud_limit: int | None = None,
        on_log: Callable[[LogLine], None] | None = None,
        on_begun: Callable[[str], None] | None = None,
    ) -> None:
        """`window_limit` and `baud_limit` stay below what the device offers; None: no limit.

        `on_begun` gets a line of text that has not ended, as far as it has come.
        """
        self.state = LinkState.CLOSED
        self.stats = LinkStats(baud=FIRST_BAUD if transport.can_set_baud else 0)
        self.hello: Hello | None = None
        self._transport = transport
        self._window_limit = window_limit
        self._baud_limit = baud_limit
        self._pending = PendingCalls()
        self._receiver = Receiver(
            self.stats,
            on_answer=self._take_answer,
            on_restart=self.expect_restart,
            on_damaged=self._pending.damaged,
            on_log=on_log,
            on_begun=on_begun,
        )
        self._reader: asyncio.Task[None] | None = None
        self._error: UgptError = LinkClosed()
        self._handshake = asyncio.Lock()
        self.session = 0
        """Changes with every start of the device: requests of the session before are void."""
        self._slots = asyncio.Semaphore(1)
        self._rate_behind = LineRate()
        self._round_trip = RoundTrip()
        self._trainer_round_trip = RoundTrip()

    async def open(self, timeout_s: float) -> Hello:
        """Starts listening and makes the handshake."""
        self.start()
        return await self.handshake(timeout_s)

    def start(self) -> None:
        """Starts listening, and sends nothing."""
        self.state = LinkState.OPENING
        self._reader = asyncio.create_task(self._listen(), name="ugpt link")

    @property
    def boot_log(self) -> BootLog:
        """What the device has printed since the last handshake."""
        return self._receiver.boot_log

    @property
    def heard_at_s(self) -> float:
        """When the last whole frame came; 0 before the first."""
        return self._receiver.heard_at_s

    async def close(self) -> None:
        """Ends the connection and every task of it; allowed more than once."""
        self._fail(LinkClosed(), LinkState.CLOSED)
        self._receiver.close()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait({self._reader})
        await self._transport.close()

    async def handshake(self, timeout_s: float = TIMEOUT_S) -> Hello:
        """Opens a conversation if there is none: after `open` and after a restart."""
        async with self._handshake:
            if self.state is LinkState.READY and self.hello is not None:
                return self.hello
            if self.state in (LinkState.CLOSED, LinkState.LOST):
                raise self._error
            self.state = LinkState.HANDSHAKE
            if self.stats.baud:
                await self.set_line_baud(FIRST_BAUD)
            hello = await self._say_hello(timeout_s)
            self.hello = hello
            # A virtual device at a board's pace keeps the rate itself, whatever carries its bytes.
            if hello.virtual_device and hello.baud_max and not self.stats.baud:
                self.stats.baud = FIRST_BAUD
                # It is at the rate that the host before this one has agreed on.
                await self.ask(messages.set_baud(FIRST_BAUD), timeout_s)
            if not self.stats.baud and hello.baud_max:
                # An emulator, or a server with a port: the rate there cannot be set from here.
                self._rate_behind.assume(FIRST_BAUD)
            if self.stats.baud and hello.baud_max:
                hello = await self._raise_baud(hello, timeout_s)
            self._start_session(hello)
            return hello

    async def call(
        self, call: Call[ResultT], *, timeout_s: float = TIMEOUT_S, session: int | None = None
    ) -> ResultT:
        """Asks the device, keeping to its window.

        Raises InvalidValue for params outside their ranges, UnknownMethod for what firmware of an
        older minor version does not know, DeviceError if the device refuses,
        NoAnswer after `timeout_s` of silence, DeviceRestarted if it has started anew since the last
        handshake or since `session`, and PortLost.
        """
        if session is None:
            session = self.session
        if self.state is not LinkState.READY or session != self.session:
            raise self._error
        async with self._slots:
            if session != self.session:
                raise self._error
            return await self._ask(call, timeout_s, search=True)

    async def send_body(self, body: bytes, timeout_s: float) -> None:
        """Sends a frame that has no response."""
        await self._send(encode_frame(body), timeout_s)

    async def send_plain(self, data: bytes, timeout_s: float) -> None:
        """Sends bytes without a zero, outside all frames."""
        await self._send(data, timeout_s)

    async def ask(self, call: Call[ResultT], timeout_s: float) -> ResultT:
        """Asks, outside the window; for the handshake and the agreement on a rate."""
        return await self._ask(call, timeout_s, search=False)

    async def _ask(self, call: Call[ResultT], timeout_s: float, *, search: bool) -> ResultT:
        """With `search`, a device that falls silent is looked for at the first rate."""
        minor, what = codec.needed_minor(call)
        if self.hello is not None and self.hello.minor < minor:
            raise firmware_too_old(self.hello, what)
        number = self._pending.new_id()
        body = envelope.encode_request(number, call)
        limit = self.hello.frame_bytes if self.hello else FRAME_MIN_BYTES
        if len(body) > limit:
            raise UnfitValue(
                f"The request {call.method.name} takes {counted(len(body), 'byte')}, "
                f"the device {limit}."
            )
        self.stats.requests += 1
        with self._pending.waiting(number, call.method, encode_frame(body)) as pending:
            answer = await self._ask_until_answered(pending, timeout_s, search)
        return codec.decode_result(call, answer)

    async def set_line_baud(self, baud: int) -> None:
        """Changes the rate of this side."""
        if baud != self.stats.baud:
            if self._transport.can_set_baud:
                await self._transport.set_baud(baud)
            self.stats.baud = baud
            self.stats.quality = LineQuality()

    def expect_restart(self) -> None:
        """The device was told to restart or is seen to: every answer still awaited is void."""
        if self.state is LinkState.READY:
            boot = self.hello.boot if self.hello else None
            cause = self.boot_log.cause_of_restart()
            said = cause.line if cause else ""
            self._fail(DeviceRestarted(boot, said=said), LinkState.HANDSHAKE)

    # Asking

    async def _ask_until_answered(
        self, pending: PendingCall, timeout_s: float, search: bool
    ) -> object:
        loop = asyncio.get_running_loop()
        by_trainer = pending.method.task is Task.TRAINER
        round_trip = self._trainer_round_trip if by_trainer else self._round_trip
        started, asked_at_baud = loop.time(), self.stats.baud
        patience = Patience(timeout_s, started)
        quality = self.stats.quality
        wait_s = round_trip.timeout_s(quality.is_bad)
        await self._send_request(pending, timeout_s)
        sent_s = loop.time()
        while (still_s := await self._unanswered(pending, wait_s + self._line_s())) is not None:
            now = loop.time()
            started += still_s
            patience.leave_out(still_s)
            if self._transport.stands_still():
                continue  # it reads nothing: what it is asked would only pile up
            # A link that is alive excuses a trainer that is busy, but nothing else.
            if by_trainer:
                patience.heard(self.heard_at_s)
            if patience.is_over(now):
                found = search and await self._found_again(asked_at_baud)
                if pending.done():
                    break  # it was answered, or made void by a restart, meanwhile
                if not found:
                    silent_s = patience.silent_s(now)
                    raise silent_device(self._transport.name, pending.method.name, silent_s)
                started, asked_at_baud = loop.time(), self.stats.baud
                patience.heard(started)
            if now - started > max(timeout_s, TRAINER_TIMEOUT_S):
                raise unfinished(self._transport.name, pending.method.name, now - started)
            if pending.lost_tries >= _LOST_TRIES:
                raise changed_bytes(self._transport.name, pending.method.name, _LOST_TRIES)
            patience.tries += 1
            self.stats.repeats += 1
            lost = pending.is_lost
            if lost or not by_trainer:
                quality.damaged()
                self.stats.presumed_lost += 1
            if by_trainer and (not lost or pending.lost_tries > REPEATED_AT_ONCE):
                # Waiting long would leave few repeats for a line that loses many.
                wait_s = min(1.25 * wait_s, _REPEAT_WAIT_S if lost else _BUSY_WAIT_S)
                await self._send(_PROBE, timeout_s)
            else:
                wait_s = min(wait_s, _REPEAT_WAIT_S)
            await self._send_request(pending, timeout_s)
            sent_s = loop.time()
        # A trainer that was busy answers at any time after a repeat, one that had not got the
        # request as soon as it has.
        if by_trainer and loop.time() - sent_s < _AT_ONCE * wait_s:
            quality.damaged(pending.tries - 1 - pending.lost_tries)
        if pending.tries == 1:
            round_trip.measured(loop.time() - started)
            self._rate_behind.carried(len(pending.frame), loop.time() - started)
            if not by_trainer:
                self.stats.round_trips_s.append(loop.time() - started)
        return pending.answer()

    async def _unanswered(self, pending: PendingCall, wait_s: float) -> float | None:
        """For how much of the wait for an answer one side stood still; None once it is here."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        if await pending.answered(wait_s):
            return None
        waited_s = loop.time() - began_s
        return waited_s if self._transport.stands_still() else stood_still_s(waited_s, wait_s)

    async def _send_request(self, pending: PendingCall, timeout_s: float) -> None:
        self._pending.sent(pending)
        await self._send(pending.frame, timeout_s)

    async def _send(self, frame: bytes, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._transport.write(frame)
        except TimeoutError:
            raise NoAnswer(
                f"{self._transport.name} takes no more bytes.", "Reset the board or check the port."
            ) from None
        except UgptError as error:
            self._fail(error, LinkState.LOST)
            raise
        self.stats.bytes_sent += len(frame)
        self.stats.quality.carried(len(frame))

    def _line_s(self) -> float:
        """How long the line may be busy with what is in flight, answers as long as they can be."""
        baud = self.stats.baud or self._rate_behind.baud
        if not baud:
            return 0.0
        answer_bytes = self.hello.frame_bytes if self.hello else FRAME_MIN_BYTES
        return self._pending.bytes_in_flight(answer_bytes) * BITS_PER_BYTE / baud

    async def _found_again(self, asked_at_baud: int) -> bool:
        """Looks for a device that went back to the first rate, as one that restarts does."""
        if self.state is not LinkState.READY:
            return False
        async with self._handshake:
            if self.state is not LinkState.READY or self.hello is None:
                return False
            raised = self.stats.baud
            if raised < asked_at_baud:
                return True  # another request has found it meanwhile
            if raised <= FIRST_BAUD:
                return False
            before = self.hello.boot
            await self.set_line_baud(FIRST_BAUD)
            try:
                now = (await self._say_hello(1.5)).boot
            except NoAnswer:
                await self.set_line_baud(raised)
                return False
            if now != before:
                self._fail(DeviceRestarted(before, now), LinkState.HANDSHAKE)
            return True

    # The handshake

    async def _raise_baud(self, hello: Hello, timeout_s: float) -> Hello:
        """Agrees on the highest dependable rate, again with a device that restarts meanwhile."""
        for _ in range(_RAISES):
            try:
                await baud.raise_baud(self, _within(self._baud_limit, hello.baud_max))
            except (HandshakeRequired, NoAnswer):
                await self.set_line_baud(FIRST_BAUD)
                hello = self.hello = await self._say_hello(timeout_s)
            else:
                break
        return hello

    async def _say_hello(self, timeout_s: float) -> Hello:
        received = self.stats.bytes_received
        try:
            hello = await self.ask(messages.hello(PROTOCOL_MAJOR, PROTOCOL_MINOR), timeout_s)
        except NoAnswer:
            self._receiver.flush()
            bytes_came = self.stats.bytes_received > received
            raise no_handshake(
                self._transport.name,
                timeout_s,
                baud=self.stats.baud,
                bytes_came=bytes_came,
                log=self.boot_log,
            ) from None
        except WrongVersion as error:
            raise VersionMismatch(PROTOCOL_MAJOR, error.detail or None) from error
        if hello.major != PROTOCOL_MAJOR:
            raise VersionMismatch(PROTOCOL_MAJOR, hello.major, hello.build)
        return hello

    def _start_session(self, hello: Hello) -> None:
        self._receiver.boot_log = BootLog()  # what came before explains nothing any more
        self.stats.window = max(1, _within(self._window_limit, hello.window))
        self._slots = asyncio.Semaphore(self.stats.window)
        self.state = LinkState.READY

    # Listening

    async def _listen(self) -> None:
        try:
            while data := await self._transport.read():
                self._receiver.feed(data)
            self._fail(PortLost(self._transport.name, "the other end closed it"), LinkState.LOST)
        except UgptError as error:
            self._fail(error, LinkState.LOST)

    def _take_answer(self, message: Response | Failure) -> None:
        if not self._pending.take(message) and message.id != PROBE_ID:
            self.stats.late_replies += 1
            self.stats.quality.forgive()
            self._round_trip.late()
            self._trainer_round_trip.late()

    def _fail(self, error: UgptError, state: LinkState) -> None:
        """Ends the session: everyone who waits gets the error. The first fatal one is kept."""
        if self.state in (LinkState.CLOSED, LinkState.LOST):
            self.state = state if state is LinkState.CLOSED else self.state
            return
        self.state = state
        self._error = error
        self.session += 1
        self._pending.fail(error)


class LinkSession:
    """A link as long as the device does not restart.

    After a restart every call raises DeviceRestarted, also if another task has made a handshake in
    the meantime: what the device was asked for before no longer holds.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._session = link.session

    @property
    def hello(self) -> Hello | None:
        return self._link.hello

    @property
    def stats(self) -> LinkStats:
        return self._link.stats

    async def handshake(self, timeout_s: float) -> Hello:
        return await self._link.handshake(timeout_s)

    async def call(self, call: Call[ResultT]) -> ResultT:
        return await self._link.call(call, session=self._session)

    def expect_restart(self) -> None:
        self._link.expect_restart()


def _within(limit: int | None, offered: int) -> int:
    return offered if limit is None else min(offered, limit)


_PROBE = encode_frame(envelope.encode_request(PROBE_ID, messages.ping(b"")))
