"""Records a command in a terminal of 80x24 as asciicast 2 (`asciinema play FILE`).

    python docs/recording.py docs/first-minute.cast ugpt train names --pace --steps 20000

Frames that follow each other closely are joined, so that the file stays small; POSIX only.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shlex
import struct
import sys
import termios
import time
from pathlib import Path

WIDTH, HEIGHT = 80, 24
JOINED_S = 0.5
"""Output within so many seconds is one event."""


def record(command: list[str]) -> list[str]:
    """The lines of the recording."""
    started_s = time.time()
    header = {
        "version": 2, "width": WIDTH, "height": HEIGHT, "timestamp": int(started_s),
        "command": shlex.join(command), "env": {"TERM": "xterm-256color"},
    }  # fmt: skip
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        time.sleep(0.2)  # until the terminal has its size
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    lines = [json.dumps(header)]
    pending, since_s = b"", 0.0
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # the command has ended
            read = b""
        now_s = time.time() - started_s
        if pending and (not read or now_s - since_s > JOINED_S):
            text = pending.decode(errors="replace")
            event = [round(since_s, 2), "o", _last_frames(text)]
            lines.append(json.dumps(event, ensure_ascii=False))
            pending = b""
        if not read:
            break
        since_s = since_s if pending else now_s
        pending += read
    os.waitpid(child, 0)
    return lines


def _last_frames(text: str) -> str:
    """Without frames that the next one covers: what is between two beginnings of a frame."""
    begin = "\x1b[?2026h"
    first, *frames = text.split(begin)
    return first + (begin + frames[-1] if frames else "")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python docs/recording.py FILE COMMAND...")
    Path(sys.argv[1]).write_text("\n".join(record(sys.argv[2:])) + "\n")
