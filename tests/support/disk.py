"""A disk that can be full, in the place of that where run folders lie."""

from __future__ import annotations

import os

from ugpt.storage import plain_file


class Disk:
    """`full` is the error that the system gives for a full disk, if it is."""

    def __init__(self) -> None:
        self.full = 0
        self._write_all = plain_file.write_all

    def write_all(self, descriptor: int, content: bytes) -> None:
        if self.full:
            raise OSError(self.full, os.strerror(self.full))
        self._write_all(descriptor, content)
