"""Build tools for tests: the environment's own CMake and Ninja, and one build folder at a time."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
BUILD_TIMEOUT_S = 1800.0

# With these set, tools colour what they write even into a pipe, fit it to the terminal of the tests
# (xdist sets its width), or take themselves for a part of the `make` that runs the tests.
_TERMINAL_VARIABLES = (
    "CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "GNUMAKEFLAGS", "LINES", "MAKEFLAGS", "MAKELEVEL",
    "MAKE_TERMERR", "MAKE_TERMOUT", "MFLAGS", "PY_COLORS",
)  # fmt: skip


def forget_terminal(environment: MutableMapping[str, str]) -> None:
    """Removes what a terminal, or a `make` in one, tells the programs that it starts."""
    for name in _TERMINAL_VARIABLES:
        environment.pop(name, None)


@contextmanager
def kept_environment(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Takes back what the block does to variables, but for the one that pytest sets meanwhile."""
    before = dict(environment)
    yield
    after = dict(environment)
    for name in (before.keys() | after.keys()) - {"PYTEST_CURRENT_TEST"}:
        if name not in before:
            del environment[name]
        elif before[name] != after.get(name):
            environment[name] = before[name]


def tool(name: str) -> str:
    """The program `name` of this Python's environment, or else of the system."""
    beside = Path(sysconfig.get_path("scripts")) / name
    return str(beside) if beside.exists() else name


class ToolFailed(AssertionError):
    """A program ended with a status other than zero; the message holds all that it wrote."""


def run(
    *command: str | Path,
    timeout_s: float = 60.0,
    cwd: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Standard output of a command that must succeed; raises ToolFailed if it does not."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        cwd=cwd,
        env={**os.environ, **(variables or {})},
    )
    if done.returncode != 0:
        words = " ".join(map(str, command))
        raise ToolFailed(f"{words}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def project_files() -> list[Path]:
    """Every file of the project: what Git tracks or would track, or all of an unpacked sdist."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if (ROOT / ".git").exists() and listed.returncode == 0:
        found = {ROOT / name for name in listed.stdout.split("\0") if name}
    else:
        hidden = {".venv", ".venv-debian", "build", "__pycache__"}
        found = {path for path in ROOT.rglob("*") if not hidden & set(path.parts)}
    return sorted(path for path in found if path.is_file())


def processor_features() -> list[str]:
    """Of this processor, as Linux tells of an x86-64; none elsewhere."""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        return []
    return [word for line in told.splitlines() if line.startswith("flags") for word in line.split()]


def runnable_kernels() -> dict[str, str]:
    """Definitions that leave out the kernels which this processor does not run."""
    features = processor_features()
    return {"UGPT_AVX512": "OFF"} if features and "avx512f" not in features else {}


class BuildFolder:
    """A folder in which the project's own CMakeLists.txt is built.

    Several workers may ask for the same target; a lock file lets one build while the others wait,
    and then find everything up to date.
    """

    def __init__(self, name: str, definitions: Mapping[str, str]) -> None:
        self.path = ROOT / "build" / name
        self._definitions = {
            "CMAKE_MAKE_PROGRAM": tool("ninja"),
            **runnable_kernels(),
            **definitions,
        }
        self._lock = FileLock(self.path.parent / f"{name}.lock", timeout=BUILD_TIMEOUT_S)
        self._configured = False

    def make(self, targets: Sequence[str], *, jobs: int = 0, keep_going: bool = False) -> None:
        """Builds targets, by `jobs` processes (0: as many as there are cores).

        With `keep_going`, a target that fails does not stop the others. Raises ToolFailed.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        arguments = [f"-j{jobs}"] if jobs else []
        arguments += ["-k0"] if keep_going else []
        with self._lock:
            self._configure()
            run(
                tool("cmake"), "--build", self.path, "--target", *targets, "--", *arguments,
                timeout_s=BUILD_TIMEOUT_S,
            )  # fmt: skip

    def _configure(self) -> None:
        if self._configured:
            return
        definitions = [f"-D{name}={value}" for name, value in self._definitions.items()]
        run(tool("cmake"), "-S", ROOT, "-B", self.path, "-G", "Ninja", *definitions, timeout_s=300)
        self._configured = True
