"""The command line within the process of the tests: quick, and with its surroundings in reach."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ugpt.cli import main
from ugpt.cli.ending import END_SIGNALS


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Program:
    """Runs `ugpt` in `folder`; made by the fixture `ugpt`."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path, status: int | None = 0) -> Finished:
        """Checks the exit status, unless that is None."""
        self.monkeypatch.setattr(sys, "argv", ["ugpt", *map(str, arguments)])
        self.capsys.readouterr()
        found = 0
        handlers = {number: signal.getsignal(number) for number in END_SIGNALS}
        try:
            main()
        except SystemExit as end:
            found = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        said = self.capsys.readouterr()
        assert status in (None, found), said.out + said.err
        return Finished(found, said.out, said.err)


def program(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """A program that keeps its state in `folder` and sees no board of this computer."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    # `main` names the program for the whole process, which outlives a test.
    monkeypatch.setattr("ugpt.view.output._program", None)
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda *_: [])
    return Program(folder, monkeypatch, capsys)
