"""Builds the firmware with PlatformIO."""

from __future__ import annotations

import configparser
import contextlib
import importlib.util
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ..errors import UnfitValue
from ..wording import install_command
from .errors import ToolError

_FILE = "platformio.ini"
_LINES_KEPT = 400
_STOP_TIMEOUT_S = 10.0
_ERROR = re.compile(r"\b(?:fatal )?error: |undefined reference|will not fit|overflowed by")
_NO_NETWORK = re.compile(
    r"HTTPClientError|InternetConnectionError|not connected to the Internet|ConnectionError|"
    r"Could not (?:resolve|connect)|Temporary failure in name resolution|Max retries exceeded"
)


def find_project() -> Path | None:
    """The folder of the firmware project: of this clone, or of the one that is worked in."""
    beside_package = Path(__file__).resolve().parents[3] / "device"
    for folder in (beside_package, Path("device"), Path()):
        if (folder / _FILE).exists() and (folder / "partitions.csv").exists():
            return folder
    return None


def require_project() -> Path:
    """Raises ToolError if the sources of the firmware are not here."""
    project = find_project()
    if project is None:
        raise ToolError(
            "The sources of the firmware are not part of this installation.",
            "Name a released image with --image, or run ugpt in a clone of its repository.",
        )
    return project


def environments(project: Path) -> list[str]:
    """The boards that the project builds for."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(project / _FILE, "utf-8")
    return [name.removeprefix("env:") for name in config.sections() if name.startswith("env:")]


def require_environment(project: Path, environment: str) -> None:
    """Raises UnfitValue if the project has no such environment."""
    known = environments(project)
    if environment not in known:
        raise UnfitValue(
            f"There is no environment {environment}.", f"Choose one of {', '.join(known)}."
        )


def build(project: Path, environment: str, on_line: Callable[[str], None]) -> Path:
    """Builds, and returns the folder with the parts of the firmware.

    `on_line` gets what PlatformIO prints. Raises ToolError, with its first complaint, if it
    fails.
    """
    arguments = ["run", "-d", str(project), "-e", environment]
    process = subprocess.Popen(
        [*_platformio(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    lines: deque[str] = deque(maxlen=_LINES_KEPT)
    try:
        for line in process.stdout:
            lines.append(line.rstrip())
            on_line(lines[-1])
        code = process.wait()
    finally:
        _stop(process)
    if code:
        raise _failure(list(lines), f"pio {' '.join(arguments)}")
    return project / ".pio" / "build" / environment


def _platformio() -> list[str]:
    if importlib.util.find_spec("platformio") is not None:
        return [sys.executable, "-m", "platformio"]
    for name in ("pio", "platformio"):
        if path := shutil.which(name):
            return [path]
    raise ToolError(
        "PlatformIO, which builds the firmware, is not installed.",
        "Name a released image with --image, or install it: " + install_command(extra="build"),
    )


def _stop(process: subprocess.Popen[str]) -> None:
    """Leaves nothing running, whatever ended the wait for it."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_TIMEOUT_S)
            return
        process.kill()
        process.wait()


def _failure(lines: list[str], command: str) -> ToolError:
    complaints = [line.strip() for line in lines if _ERROR.search(line)]
    if complaints:
        return ToolError(
            f"The firmware does not build: {complaints[0]}.", f"To see all of it: {command}"
        )
    if any(_NO_NETWORK.search(line) for line in lines):
        return ToolError(
            "PlatformIO cannot download the tools it needs: its servers are out of reach.",
            "Connect to the network and try again, or name a released image with --image.",
        )
    said = next((line.strip() for line in reversed(lines) if line.strip()), "it says nothing")
    return ToolError(f"PlatformIO failed: {said.rstrip('.')}.", f"To see all of it: {command}")
