"""`make train` as the README has it, after its set-up: that of `make test` is the same."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ESCAPE, CommandLine, losses

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120.0

if sys.platform == "win32" or shutil.which("make") is None:
    pytest.skip("needs make and pseudo-terminals", allow_module_level=True)


DONE = re.compile(r"[1-9][0-9,]* / 20,000")
VENV = sys.prefix
MAKE = ["make", "-f", str(ROOT / "Makefile"), f"VENV={VENV}", "--old-file", f"{VENV}/installed"]
TRAIN = [*MAKE, "train"]


def run_in(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def test_in_a_pipe_it_trains_1000_steps(cli: CommandLine, tmp_path: Path) -> None:
    done = subprocess.run(
        TRAIN, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        env=cli.environment({}), stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = run_in(tmp_path)
    assert len(losses(run)) == 1000
    assert (run / "samples.txt").read_text().split()[0] in done.stdout


def test_on_a_terminal_it_shows_a_board_at_its_pace_and_ctrl_c_saves(
    cli: CommandLine, tmp_path: Path
) -> None:
    master, terminal = os.openpty()
    process = subprocess.Popen(
        TRAIN, cwd=tmp_path, stdin=terminal, stdout=terminal, stderr=terminal,
        env=cli.environment({"TERM": "xterm"}), start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    said = ""
    try:
        while not DONE.search(ESCAPE.sub("", said)):
            part = read(master)
            assert part, said[-3000:]
            said += part
        os.killpg(process.pid, signal.SIGINT)
        while part := read(master):
            said += part
        assert process.wait(TIMEOUT_S) != 0
    finally:
        os.close(master)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert "Training 20,000 steps at the estimated pace of an ESP32" in said
    assert "Traceback" not in said
    assert 0 < len(losses(run_in(tmp_path))) < 20_000


def read(master: int) -> str:
    """What comes next; nothing at the end, which Linux reports as an error, or if nothing does."""
    try:
        if not select.select([master], [], [], TIMEOUT_S)[0]:
            return ""
        return os.read(master, 1 << 16).decode(errors="replace")
    except OSError:
        return ""
