"""The engine compiled by other compilers and for other processors, and how to run what they made.

Every build goes through the project's own CMakeLists.txt, so that all have the same sources and
options; only compiler, level of optimisation and processor differ.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tests.support.tools import processor_features, runnable_kernels, tool

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = ROOT / "build" / "same-bits"
_DRIVER = "engine-driver"
_JOBS = 2
_TIMEOUT_S = 900


@dataclass(frozen=True)
class Build:
    """One way to compile the engine's test programs."""

    name: str
    compiler: str
    options: str
    """For every file, beside those of the project."""
    processor: str = platform.machine()
    emulator: str = ""
    """The program that runs what was built, where the processor is another one."""

    def missing(self) -> str:
        """Why it cannot be built or run here; empty where it can."""
        for program in (self.compiler, self.emulator):
            if program and shutil.which(program) is None:
                return f"{program} is not installed"
        return ""

    def command(self, name: str = _DRIVER) -> list[str]:
        """Runs the program `name`, once it is built."""
        program = str(self._folder / "tests" / "engine" / name)
        return [self.emulator, program] if self.emulator else [program]

    def library(self, name: str) -> Path:
        """The static library `name`, once a program with it is built."""
        return self._folder / f"lib{name}.a"

    def make(self) -> None:
        """Builds the driver. Raises AssertionError with what the compiler said."""
        definitions = {
            "CMAKE_BUILD_TYPE": "Release",
            "CMAKE_MAKE_PROGRAM": tool("ninja"),
            "CMAKE_CXX_COMPILER": self.compiler,
            "CMAKE_CXX_FLAGS_RELEASE": self.options,
            "UGPT_TESTS": "ON",
            **runnable_kernels(),
        }
        if self.emulator:
            # Statically linked, it needs nothing of the other system to run here.
            definitions |= {
                "CMAKE_SYSTEM_NAME": "Linux",
                "CMAKE_SYSTEM_PROCESSOR": self.processor,
                "CMAKE_EXE_LINKER_FLAGS": "-static",
            }
        set_definitions = [f"-D{name}={value}" for name, value in definitions.items()]
        folder = str(self._folder)
        with self._lock:
            run(tool("cmake"), "-S", str(ROOT), "-B", folder, "-G", "Ninja", *set_definitions)
        self.make_program(_DRIVER)

    def make_program(self, name: str) -> None:
        """Builds another program, after the driver."""
        with self._lock:
            folder = str(self._folder)
            run(tool("cmake"), "--build", folder, "--target", name, "--parallel", "1")

    @property
    def _lock(self) -> FileLock:
        """Held while building: several processes may run the tests."""
        _FOLDER.mkdir(parents=True, exist_ok=True)
        return FileLock(_FOLDER / f"{self.name}.lock")

    @property
    def _folder(self) -> Path:
        return _FOLDER / self.name


_ALL_STRIDES = "-DUGPT_STANDARD_STRIDES=1"
"""With the scalar kernels of a chip for the strides of the standard model."""
_HARDWARE = "-mfma" if "fma" in processor_features() else ""
"""On x86-64 `fma` is computed without an instruction for it, unless the compiler is told of one."""
NATIVE = tuple(
    Build(f"{compiler}-{level}", compiler, f"-{level} {extra}".rstrip())
    for compiler in ("g++", "clang++")
    for level, extra in (("O1", _HARDWARE), ("O2", _ALL_STRIDES), ("O3", _HARDWARE))
)
OTHER_PROCESSORS = (
    # Without an instruction for fused multiply-adds, and with one.
    Build("arm-vfpv3", "arm-linux-gnueabihf-g++", "-O2 -mfpu=vfpv3-d16", "arm", "qemu-arm"),
    Build("arm-vfpv4", "arm-linux-gnueabihf-g++", "-O3 -mfpu=vfpv4", "arm", "qemu-arm"),
    Build("riscv64", "riscv64-linux-gnu-g++", "-O2", "riscv64", "qemu-riscv64"),
)
BUILDS = NATIVE + OTHER_PROCESSORS


def engine_sources() -> list[str]:
    """The engine's source files for any processor."""
    lists = (ROOT / "device" / "sources.cmake").read_text()
    found = re.search(r"set\(UGPT_ENGINE_SOURCES([^)]*)\)", lists)
    assert found is not None
    return [str(ROOT / "device" / "src" / name) for name in found[1].split()]


class Workshop:
    """Makes all builds side by side; `command` waits for one of them, or builds what it lacks."""

    def __init__(self, jobs: dict[Build, Future[None]]) -> None:
        self._jobs = jobs

    def command(self, build: Build, name: str = _DRIVER) -> list[str]:
        if build in self._jobs:
            self._jobs[build].result(_TIMEOUT_S)
        else:
            build.make()
        if name != _DRIVER:
            build.make_program(name)
        return build.command(name)


@contextmanager
def workshop(builds: tuple[Build, ...]) -> Iterator[Workshop]:
    """Starts to make every build whose tools are installed."""
    with ThreadPoolExecutor(_JOBS) as pool:
        yield Workshop({build: pool.submit(build.make) for build in builds if not build.missing()})
        pool.shutdown(wait=True, cancel_futures=True)


def run(*command: str, cwd: Path | None = None) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, cwd=cwd
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
