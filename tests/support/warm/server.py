"""A process that has imported all of `ugpt` and becomes a command whenever it is asked to.

Run as a program: `python server.py DESCRIPTOR`, with a Unix socket of packets. Each packet is a
command as JSON, with four descriptors: its standard streams, and a socket on which its process id
and later its return code are told. The server ends when the other end of its socket is closed.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import struct
import sys
import termios
import threading
from dataclasses import asdict, dataclass
from selectors import EVENT_READ, DefaultSelector
from typing import NoReturn

NUMBER = struct.Struct("<q")
"""A process id, or the return code as `subprocess` has it."""

PACKET_BYTES = 1 << 17
_STREAMS = 3
_SIGNALS = {signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
# Imported by libraries not before they are used.
_LATE_MODULES = (
    "matplotlib.backends.backend_agg", "matplotlib.figure", "matplotlib.style", "matplotlib.ticker",
    "PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.JpegImagePlugin", "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin", "rich._emoji_codes", "rich.markdown", "rich.traceback", "tomli_w",
    "typer._adapters", "typer.rich_utils",
)  # fmt: skip


@dataclass(frozen=True)
class Command:
    """What a child of the server is to become."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    on_terminal: bool = False
    """Its streams are a terminal, which controls it and what it starts."""

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, packet: bytes) -> Command:
        return cls(**json.loads(packet))


class Server:
    """Forks a child for each command, and tells how it ended."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._wakeup, self._woken = socket.socketpair()
        for end in (self._wakeup, self._woken):
            end.setblocking(False)
        self._selector = DefaultSelector()
        self._selector.register(self._requests, EVENT_READ)
        self._selector.register(self._wakeup, EVENT_READ)
        self._told: dict[int, socket.socket] = {}

    def serve(self) -> Command | None:
        """In each child the command that it must become; None once the server is to end."""
        signal.set_wakeup_fd(self._woken.fileno())
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._wakeup:
                    self._reap()
                    continue
                packet, descriptors, _, _ = socket.recv_fds(self._requests, PACKET_BYTES, 4)
                if not packet:
                    return None
                if self._fork(descriptors):
                    return Command.from_json(packet)

    def _fork(self, descriptors: list[int]) -> bool:
        """Whether this is the child."""
        told = socket.socket(fileno=descriptors[_STREAMS])
        # A signal that comes meanwhile finds what a program has at its start.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            told.close()
            self._forget()
            for number, descriptor in enumerate(descriptors[:_STREAMS]):
                os.dup2(descriptor, number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        for descriptor in descriptors[:_STREAMS]:
            os.close(descriptor)
        if pid != 0:
            self._told[pid] = told
            told.send(NUMBER.pack(pid))
        return pid == 0

    def _forget(self) -> None:
        """Whatever a child has from the server."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for end in (self._requests, self._wakeup, self._woken, *self._told.values()):
            end.close()

    def _reap(self) -> None:
        self._wakeup.recv(PACKET_BYTES)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
                with self._told.pop(ended[0]) as told, contextlib.suppress(OSError):
                    told.send(NUMBER.pack(os.waitstatus_to_exitcode(ended[1])))


def import_all() -> None:
    """All of `ugpt`, and what it imports when it needs it."""
    import ugpt

    for found in pkgutil.walk_packages(ugpt.__path__, "ugpt."):
        if found.name != "ugpt.__main__":
            importlib.import_module(found.name)
    for name in _LATE_MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # no child looks through it again


def become(command: Command) -> None:
    """`python -m ugpt ARGUMENTS`, but for what precedes its first line."""
    if command.on_terminal:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        sys.stdout.reconfigure(line_buffering=True)
    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.environment)
    sys.path[0] = command.folder
    sys.argv = ["", *command.arguments]
    try:
        runpy.run_module("ugpt", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, int):
            leave(end.code)
        raise


def leave(status: int) -> NoReturn:
    """The end of an interpreter, as children of `multiprocessing` come to theirs.

    What the server has imported is not taken apart again, which would take most of the time.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(status)


def main() -> None:
    requests = socket.socket(fileno=int(sys.argv[1]))
    requests.set_inheritable(False)
    # As before the first line of Python, which the first lines of `ugpt` bring about too.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    import_all()
    if command := Server(requests).serve():
        become(command)


if __name__ == "__main__":
    main()
