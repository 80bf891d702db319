"""Commands that the server forks, followed as `subprocess` follows children."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import IO

from tests.support.warm.server import NUMBER, Command

_PROGRAM = Path(__file__).with_name("server.py")
_START_TIMEOUT_S = 120.0  # it imports a lot at first
_END_TIMEOUT_S = 10.0
_FREE = {"HOME", "PYTEST_CURRENT_TEST", "TERM", "XDG_STATE_HOME", "__DASK_PARENT_PID"}
"""Variables that nothing looks at before a command begins, as those of `_OURS`. Dask sets its own
in the process of the tests."""
_OURS = "UGPT_"


class WarmProcess:
    """The part of `subprocess.Popen` in text mode that tests use, of a child of the server."""

    def __init__(
        self,
        arguments: Sequence[str],
        told: socket.socket,
        stdout: IO[str] | None,
        stderr: IO[str] | None,
    ) -> None:
        self.args = arguments
        self.stdout, self.stderr = stdout, stderr
        self.returncode: int | None = None
        self._told = told
        self.pid = self._next_number(_START_TIMEOUT_S)

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self.returncode = self._next_number(timeout)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What nobody has read yet, until nobody can write any more and it has ended."""
        deadline_s = None if timeout is None else time.monotonic() + timeout
        said = {stream: b"" for stream in (self.stdout, self.stderr) if stream is not None}
        with DefaultSelector() as selector:
            for stream in said:
                selector.register(stream, EVENT_READ)
            while selector.get_map():
                ready = selector.select(_left_s(deadline_s))
                if not ready and timeout is not None:
                    raise subprocess.TimeoutExpired(self.args, timeout)
                for key, _ in ready:
                    if part := os.read(key.fd, 1 << 16):
                        said[key.fileobj] += part  # type: ignore[index]
                    else:
                        selector.unregister(key.fileobj)
        self.wait(_left_s(deadline_s))
        texts = [
            said[stream].decode(stream.encoding) if stream is not None else ""
            for stream in (self.stdout, self.stderr)
        ]
        return texts[0], texts[1]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> WarmProcess:
        return self

    def __exit__(self, *_: object) -> None:
        """Waits for it, with nobody who reads what it writes."""
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()
        self._told.close()

    def _next_number(self, timeout_s: float | None) -> int:
        if not select.select([self._told], [], [], timeout_s)[0]:
            raise subprocess.TimeoutExpired(self.args, timeout_s or 0.0)
        packet = self._told.recv(NUMBER.size)
        assert packet, "the server of commands has ended"
        return int(NUMBER.unpack(packet)[0])


class Warm:
    """The server of this process of the tests, started for the first command."""

    def __init__(self) -> None:
        self._requests: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}

    def can_run(self, environment: Mapping[str, str], options: Mapping[str, object]) -> bool:
        """Whether a command comes out as in a process of its own."""
        if sys.platform != "linux":
            return False
        if not all(
            name in ("stdout", "stderr") and value in (subprocess.PIPE, subprocess.DEVNULL)
            for name, value in options.items()
        ):
            return False
        if self._requests is None:
            self._start(environment)
        return _fixed(environment) == self._environment

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> WarmProcess:
        command = Command(list(arguments), str(folder), dict(environment))
        with ExitStack() as given:
            out, out_end = _stream(stdout, given)
            error, error_end = _stream(stderr, given)
            return self._begin(command, [0, out_end, error_end], out, error)

    def start_on_terminal(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        terminal: int,
    ) -> WarmProcess:
        """In a session of its own, which the terminal controls."""
        command = Command(list(arguments), str(folder), dict(environment), on_terminal=True)
        return self._begin(command, [terminal] * 3, None, None)

    def close(self) -> None:
        """Ends the server."""
        if self._requests is not None and self._process is not None:
            self._requests.close()
            self._process.wait(_END_TIMEOUT_S)

    def _begin(
        self, command: Command, streams: list[int], stdout: IO[str] | None, stderr: IO[str] | None
    ) -> WarmProcess:
        assert self._requests is not None
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            socket.send_fds(self._requests, [command.to_json()], [*streams, there.fileno()])
        return WarmProcess(command.arguments, here, stdout, stderr)

    def _start(self, environment: Mapping[str, str]) -> None:
        self._environment = _fixed(environment)
        self._requests, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            # Its streams are no terminal, as those of the commands are none.
            self._process = subprocess.Popen(
                [sys.executable, _PROGRAM, str(there.fileno())],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=[there.fileno()], env=environment,
            )  # fmt: skip


def _stream(wish: int, given: ExitStack) -> tuple[IO[str] | None, int]:
    """The end to read from, and the one that is given to the command."""
    if wish == subprocess.DEVNULL:
        return None, given.enter_context(Path(os.devnull).open("wb")).fileno()
    reader, writer = os.pipe()
    given.callback(os.close, writer)
    return os.fdopen(reader, encoding="utf-8"), writer


def _fixed(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name not in _FREE and not name.startswith(_OURS)
    }


def _left_s(deadline_s: float | None) -> float | None:
    return None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
