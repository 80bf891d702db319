"""The command line as its users run it: a process, with its own virtual device."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.warm.client import Warm, WarmProcess

TIMEOUT_S = 120.0
ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|.)")
"""What a terminal is sent and does not show."""


Process = subprocess.Popen[str] | WarmProcess


@dataclass(frozen=True)
class CommandLine:
    """Runs `ugpt` in `folder`, where the flash of the default virtual device is kept too."""

    folder: Path
    plot_cache: Path | None = None
    """Where matplotlib remembers the fonts it has found."""
    warm: Warm | None = None
    """Forks commands that come out as in a process of their own."""

    def __call__(self, *arguments: str | Path, code: int = 0, **options: Any) -> str:
        """Standard output; checks the exit status."""
        return self.finished(*arguments, code=code, **options).stdout

    def refused(self, *arguments: str | Path, code: int = 1, **options: Any) -> str:
        """Standard error of a command that fails in words: one line, and no traceback."""
        said = self.finished(*arguments, code=code, **options).stderr
        assert "Traceback" not in said
        errors = [line for line in said.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, said
        return errors[0]

    def finished(
        self, *arguments: str | Path, code: int = 0, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        with self.running(*arguments, **options) as process:
            out, errors = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == code, out + errors
        return subprocess.CompletedProcess(process.args, code, out, errors)

    @contextmanager
    def running(
        self, *arguments: str | Path, env: dict[str, str] | None = None, **options: Any
    ) -> Iterator[Process]:
        """A command under way, killed at the end if it still runs."""
        words = [str(word) for word in arguments]
        environment = self.environment(env or {})
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process: Process
        if self.warm is not None and self.warm.can_run(environment, options):
            process = self.warm.start(words, self.folder, environment, **options)
        else:
            command = [sys.executable, "-m", "ugpt", *words]
            process = subprocess.Popen(
                command, text=True, cwd=self.folder, env=environment, **options
            )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        home = {"HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state")}
        cache = {"MPLCONFIGDIR": str(self.plot_cache or self.folder / "mpl")}
        return {**os.environ, **home, **cache, **more}


def events_until_step(process: Process, step: int) -> None:
    """Reads the JSON lines of a training run up to a step."""
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("step", 0) >= step:
            return
    raise AssertionError(f"the run ended before step {step}: {process.stderr}")


def losses(run: Path) -> list[float]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["step"] for entry in entries] == list(range(1, len(entries) + 1))
    return [entry["loss"] for entry in entries]


def digest(run: Path) -> str:
    return (run / "weights.sha256").read_text().strip()
