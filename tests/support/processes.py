"""Which processes run on this computer, found without a tool that a bare system may lack."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.waiting import happens

MARK = "UGPT_TEST_SESSION"
"""Environment variable that tells which session of the tests a process belongs to."""

END_TIMEOUT_S = 10.0


def _processes() -> Iterator[tuple[int, str]]:
    """Process ids, each with command line and environment, as far as this user may see them.

    None on Windows, where the tests start no devices.
    """
    if sys.platform == "win32":
        return
    if sys.platform == "linux":
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                words = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                yield int(folder.name), words.replace(b"\0", b" ").decode(errors="replace")
        return
    listed = subprocess.run(
        ["ps", "-axEww", "-o", "pid=,command="], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines():
        number, _, words = line.strip().partition(" ")
        yield int(number), words


def running(text: str) -> dict[int, str]:
    """The processes whose command line or environment contains `text`, without this one."""
    return {pid: words for pid, words in _processes() if text in words and pid != os.getpid()}


def left_running(text: str, timeout_s: float = END_TIMEOUT_S) -> dict[int, str]:
    """As `running`, after waiting until there are none."""
    return {} if happens(lambda: not running(text), timeout_s) else running(text)


def end(pids: list[int]) -> None:
    """Ends processes at once."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
