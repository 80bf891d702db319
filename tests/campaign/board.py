"""A board that starts again whenever its power fails: a virtual device with a socket."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ugpt.device import virtual


class Board:
    """Each start takes the next of `cuts`, a number of bytes after which the power fails."""

    def __init__(self, flash: Path, cuts: list[int]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._flash = flash
        self._cuts = list(cuts)
        self._closed = False
        self._process = self._start()
        self._thread = threading.Thread(target=self._start_again, daemon=True)
        self._thread.start()

    @property
    def port(self) -> str:
        return f"socket://{self.address}"

    def cut_power(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._closed = True
        self._process.kill()
        self._thread.join()
        self._process.kill()
        self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        cut = ["--power-cut-after", str(self._cuts.pop(0))] if self._cuts else []
        command = virtual.command("esp32", self._flash, ["--listen", self.address, *cut])
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()  # the address: it can be reached
        return process

    def _start_again(self) -> None:
        while not self._closed:
            self._process.wait()
            if not self._closed:
                self._process = self._start()


@contextmanager
def board(flash: Path, cuts: list[int]) -> Iterator[Board]:
    made = Board(flash, cuts)
    try:
        yield made
    finally:
        made.close()
