"""Listens to a board: its log, its plain text, its last words; waits for a port that vanishes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from ..device.followed_target import FollowedTarget
from ..device.target import Target
from ..rpc import messages
from ..rpc.boot_log import BootLog
from ..rpc.errors import DeviceError, DeviceRestarted, LinkError, NoAnswer, PortError
from ..rpc.link import Link, LinkState
from ..rpc.messages import FIRST_BAUD, DeviceState, Hello
from ..rpc.receiver import LogLine

_LOOK_S = 0.1
_FALL_S = 10.0
"""How long a board that has crashed may take to start again before it is greeted."""
_REOPEN_S = 0.5
_HANDSHAKE_S = 3.0
_SEND_S = 3.0


class Monitor:
    """One port, watched for ever.

    A board sends its log only to a program that has made the handshake, and writes by itself only
    while none has. So the handshake is made, and a board that is to write by itself is restarted
    and left alone. One that crashes is left alone until it starts again, and one that does not
    answer is asked again whenever it starts.
    """

    def __init__(
        self,
        target: Target,
        on_line: Callable[[LogLine], None],
        on_remark: Callable[[str], None],
        *,
        on_begun: Callable[[str], None] | None = None,
        listen_only: bool = False,
    ) -> None:
        """`on_line` gets what the board says, `on_remark` what the user should know besides.

        `on_begun` gets a line that has not ended, as far as it has come. `listen_only` sends
        nothing to the board.
        """
        self._followed = FollowedTarget(target)
        self._on_line = on_line
        self._on_remark = on_remark
        self._on_begun = on_begun
        self._link: Link | None = None
        self._listen_only = listen_only
        self._left_alone = listen_only
        self._asked_at_start: int | None = None
        self._log = BootLog()
        self._fell_s = 0.0
        self._told = ""

    async def run(self) -> None:
        """Does not return. Raises PortError if the port cannot be opened at first."""
        target, choice = self._followed.find(), self._followed.choice
        link = await self._open(target)
        self._on_remark(f"listening to {choice.port}{choice.reason and f': {choice.reason}'}")
        while True:
            try:
                await self._listen(link)
            finally:
                await link.close()
            self._on_remark(f"{self._followed.choice.port} is gone; waiting for it to come back.")
            link = await self._reopen()
            self._on_remark(f"{self._followed.choice.port} is back.")

    async def _open(self, target: Target) -> Link:
        transport = await target.open_transport()
        # The rate stays the first one: a board that falls speaks at no other.
        return Link(transport, baud_limit=FIRST_BAUD, on_log=self._hear, on_begun=self._on_begun)

    async def send(self, typed: str) -> None:
        """Passes on what a person types; what the port does not take is lost, as with a cable."""
        # A zero would begin a frame.
        text = typed.replace("\0", "")
        if self._link is not None and text:
            with contextlib.suppress(LinkError, PortError):
                await self._link.send_plain(text.encode("utf-8", "replace"), _SEND_S)

    async def _reopen(self) -> Link:
        while True:
            await asyncio.sleep(_REOPEN_S)
            with contextlib.suppress(PortError):
                return await self._open(self._followed.find())

    async def _listen(self, link: Link) -> None:
        """Returns when the port is gone."""
        self._left_alone, self._asked_at_start = self._listen_only, None
        link.start()
        self._link = link
        while link.state is not LinkState.LOST:
            if self._is_to_be_asked(link):
                await self._ask(link)
            await asyncio.sleep(_LOOK_S)

    def _is_to_be_asked(self, link: Link) -> bool:
        if self._left_alone or link.state is LinkState.READY:
            return False
        if link.boot_log.starts == self._asked_at_start:
            return False  # it did not answer, and nothing has changed since
        if not link.boot_log.fallen:
            return True
        return asyncio.get_running_loop().time() - self._fell_s > _FALL_S

    async def _ask(self, link: Link) -> None:
        try:
            hello = await link.handshake(_HANDSHAKE_S)
            self._asked_at_start, self._told, self._log = None, "", BootLog()
            await self._leave_alone_to_write(link, hello)
        except (DeviceRestarted, PortError):
            pass  # the state of the link tells
        except LinkError as error:
            self._asked_at_start = link.boot_log.starts
            self._tell(f"Nobody answers, but whatever the board says is shown. {error}")

    async def _leave_alone_to_write(self, link: Link, hello: Hello) -> None:
        status = await link.call(messages.status())
        kind = "virtual device" if hello.virtual_device else hello.chip
        self._on_remark(f"{kind} (board {hello.board}), firmware {hello.build}")
        if not status.autorun or not await _has_something_to_write(link, status.state):
            return
        self._on_remark("Autorun is on: the board is restarted and left alone.")
        self._left_alone = True
        with contextlib.suppress(DeviceRestarted, NoAnswer):
            await link.call(messages.reset())

    def _hear(self, line: LogLine) -> None:
        self._on_line(line)
        if line.level is not None:
            return
        had_fallen = self._log.fallen
        self._log.read(line.text)
        if self._log.fallen and not had_fallen:
            self._fell_s = asyncio.get_running_loop().time()
            self._tell("The firmware has crashed; waiting for the board to restart.")
        # Of a board that is asked, the error tells all but what it goes on after.
        alone = self._left_alone
        found = self._log.diagnosis() if alone else self._log.cause_of_restart()
        if found and not found.is_crash:
            self._tell(f"The board {found.text}. {found.advice}")

    def _tell(self, remark: str) -> None:
        """Tells what the user should know, once as long as it stays so."""
        if remark != self._told:
            self._told = remark
            self._on_remark(remark)


async def _has_something_to_write(link: Link, state: DeviceState) -> bool:
    """Whether the board has a model, trained or pretrained, and nothing else to do."""
    if state is not DeviceState.EMPTY:
        return state is DeviceState.IDLE
    try:
        return (await link.call(messages.image_info())).whole
    except DeviceError:  # there is none, or the firmware knows of none
        return False
