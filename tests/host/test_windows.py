"""The package where there is no POSIX: everything imports, and the virtual device says why not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ugpt.device import virtual
from ugpt.rpc.errors import DeviceProgramError

_IMPORT_ALL = """
import asyncio, importlib, multiprocessing, pathlib, pkgutil, serial, serial_asyncio, signal, sys
import distributed, matplotlib.figure, safetensors.numpy, typer, rich.console  # theirs to import
for name in ("fcntl", "grp", "pwd", "pty", "resource", "termios", "tty"):
    sys.modules[name] = None
for name in ("SIGHUP", "SIGKILL", "SIGTSTP", "SIGCONT"):
    if hasattr(signal, name):
        delattr(signal, name)
import ugpt
for module in pkgutil.walk_packages(ugpt.__path__, "ugpt."):
    if module.name != "ugpt.__main__":
        importlib.import_module(module.name)
print("all imported")
"""


def test_every_module_imports_without_posix() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "all imported\n", done.stderr


def test_the_virtual_device_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(virtual.PROGRAM_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(DeviceProgramError, match="needs Linux or macOS"):
        virtual.program()
