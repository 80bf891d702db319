"""The command line as its users run it: a process of its own, with its own virtual device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 120.0


@dataclass(frozen=True)
class CommandLine:
    """Runs `ugpt` in `folder`, where the flash of the default virtual device is kept too."""

    folder: Path

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
        process = subprocess.run(
            self._command(arguments),
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self._environment(options.pop("env", {})),
            timeout=TIMEOUT_S,
            check=False,
            **options,
        )
        assert process.returncode == code, process.stdout + process.stderr
        return process

    @contextmanager
    def running(
        self, *arguments: str | Path, env: dict[str, str] | None = None, **options: Any
    ) -> Iterator[subprocess.Popen[str]]:
        """A command under way, killed at the end if it still runs."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(
            self._command(arguments),
            text=True,
            cwd=self.folder,
            env=self._environment(env or {}),
            **{**pipes, **options},
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def _command(self, arguments: tuple[str | Path, ...]) -> list[str]:
        return [sys.executable, "-m", "ugpt", *map(str, arguments)]

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        home = {"HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state")}
        cache = {"MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(self.folder / "mpl"))}
        return {**os.environ, **home, **cache, **more}


def events_until_step(process: subprocess.Popen[str], step: int) -> None:
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
