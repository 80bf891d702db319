"""A folder that may not be searched or written is named in one sentence, by whatever command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import CommandLine

# Nothing stops root, but for one that has given these up.
_POWERS = "-dac_override,-dac_read_search"

COMMANDS = {
    "train --run": ["train", "names", "--steps", "1", "--run"],
    "train --resume": ["train", "--resume"],
    "train FILE": ["train"],
    "train --port": ["train", "names", "--steps", "1", "--port"],
    "plan FILE": ["plan"],
    "flash --image": ["flash", "--port", "/dev/null", "--image"],
    "monitor --elf": ["monitor", "--port", "/dev/null", "--elf"],
    "sim --flash": ["sim", "--flash"],
}


def refused(cli: CommandLine, *arguments: str | Path) -> str:
    """The error of a command that an ordinary user runs."""
    command = [sys.executable, "-m", "ugpt", *map(str, arguments)]
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root needs setpriv to be stopped by anything")
        command = [setpriv, f"--bounding-set={_POWERS}", f"--inh-caps={_POWERS}", *command]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=cli.folder, timeout=60.0, check=False,
        env=cli.environment({}),
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "itself failed" not in error
    return error


@pytest.mark.parametrize("name", COMMANDS)
def test_folder_that_may_not_be_searched(cli: CommandLine, tmp_path: Path, name: str) -> None:
    (tmp_path / "private").mkdir(mode=0o000)
    assert "private/x" in refused(cli, *COMMANDS[name], "private/x")


def test_folder_that_may_not_be_written(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "fixed").mkdir(mode=0o555)
    said = refused(cli, "train", "names", "--steps", "1", "--run", "fixed/R")
    assert "fixed/R cannot be written" in said
    cli("train", "names", "--steps", "1", "--run", "R")
    (tmp_path / "R").chmod(0o555)
    assert "R cannot be written" in refused(cli, "train", "--resume", "R")
    (tmp_path / "R").chmod(0o755)
