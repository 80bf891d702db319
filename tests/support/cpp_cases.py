"""Collects the cases of the C++ tests: each TEST of a `test_*.cpp` is a test of its own.

Cases are read from the sources, so nothing is built to list them. They run in programs built with
the address and undefined-behaviour sanitizers: `tests/app/test_rings.cpp` is the program
`test-app-rings`, and each case a process of its own.
"""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tools import BuildFolder, ToolFailed

CASE_TIMEOUT_S = 600.0
LISTING = "every_case_is_collected"
"""Name of the test that compares the cases read from the source with those of the program."""

_TEST = re.compile(r"^TEST\((\w+)\)", re.MULTILINE)
_INCLUDED_CASES = re.compile(r'^#include "([^"]+\.inc)"', re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """A TEST, and where it stands."""

    name: str
    path: Path
    line: int
    """1-based."""


class CaseFailed(Exception):
    """What a case wrote, and how it ended."""


def read_cases(source: Path) -> list[Case]:
    """The cases of a source file, in the order in which its program lists them."""
    text = source.read_text("utf-8")
    found = [
        (match.start(), [Case(match[1], source, 1 + text.count("\n", 0, match.start()))])
        for match in _TEST.finditer(text)
    ]
    found += [
        (match.start(), read_cases(source.parent / match[1]))
        for match in _INCLUDED_CASES.finditer(text)
    ]
    return [case for _, cases in sorted(found, key=lambda each: each[0]) for case in cases]


def check_listing(source: Path, program: Path) -> None:
    """Raises CaseFailed if a program has other cases than those read from its source."""
    in_source = [case.name for case in read_cases(source)]
    in_program = _output_of(program, "--list", timeout_s=60.0).splitlines()
    if in_source != in_program:
        raise CaseFailed(
            f"{source.name} holds {in_source},\nbut {program.name} --list gives {in_program}"
        )


def run_case(program: Path, name: str, timeout_s: float = CASE_TIMEOUT_S) -> None:
    """Runs one case. Raises CaseFailed with its own output."""
    # A case that ends the process by itself, with whatever status, has not passed.
    if f"ok     {name}\n" not in (output := _output_of(program, name, timeout_s=timeout_s)):
        raise CaseFailed(f"{program.name} {name} ended before its end\n{output}")


def _output_of(program: Path, argument: str, timeout_s: float) -> str:
    """Standard output and error of a program that must succeed."""
    with subprocess.Popen(
        [program, argument], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(timeout=timeout_s)
            status = process.returncode
            how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            status, how = 1, f"when its {timeout_s:g} s were over"
    if status != 0:
        raise CaseFailed(f"{program.name} {argument} ended {how}\n{output}")
    return output


class CppPrograms:
    """The test programs, built when the first of them is asked for."""

    def __init__(self, sources: set[Path]) -> None:
        self._folder = BuildFolder(
            "tests",
            {
                "UGPT_TESTS": "ON",
                "UGPT_SANITIZE": "ON",
                "CMAKE_BUILD_TYPE": "None",
                "CMAKE_CXX_FLAGS": "-Og",  # more takes minutes to compile
            },
        )
        self._sources = sources
        self._all_built: bool | None = None

    def program(self, source: Path) -> Path:
        """The program of a source file. Raises CaseFailed with what the compiler said."""
        if self._all_built is None:
            targets = sorted(_target(source) for source in self._sources)
            try:
                self._folder.make(targets, keep_going=True)
                self._all_built = True
            except ToolFailed:
                self._all_built = False
        if not self._all_built:
            try:
                self._folder.make([_target(source)])
            except ToolFailed as failure:
                raise CaseFailed(str(failure)) from None
        return self._folder.path / "tests" / source.parent.name / _target(source)


def _target(source: Path) -> str:
    """`tests/app/test_rings.cpp` is `test-app-rings`."""
    return f"test-{source.parent.name}-{source.stem.removeprefix('test_')}"


class CppItem(pytest.Item):
    """A case, or the comparison of the cases, of one program."""

    path: Path

    @property
    def program(self) -> Path:
        return programs_of(self.session).program(self.path)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        if isinstance(excinfo.value, CaseFailed):
            return str(excinfo.value).rstrip()
        return str(super().repr_failure(excinfo))


class CppCase(CppItem):
    case: Case

    def runtest(self) -> None:
        run_case(self.program, self.case.name)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.case.path, self.case.line - 1, self.name


class CppListing(CppItem):
    def runtest(self) -> None:
        check_listing(self.path, self.program)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name


class CppFile(pytest.File):
    def collect(self) -> Iterator[CppItem]:
        yield CppListing.from_parent(self, name=LISTING)
        for case in read_cases(self.path):
            item = CppCase.from_parent(self, name=case.name)
            item.case = case
            yield item


_PROGRAMS = pytest.StashKey[CppPrograms]()


def programs_of(session: pytest.Session) -> CppPrograms:
    """The programs that the selected cases of a session need."""
    if _PROGRAMS not in session.stash:
        sources = {item.path for item in session.items if isinstance(item, CppItem)}
        session.stash[_PROGRAMS] = CppPrograms(sources)
    return session.stash[_PROGRAMS]


def collect_file(file_path: Path, parent: pytest.Collector) -> CppFile | None:
    """For the hook pytest_collect_file."""
    if file_path.suffix == ".cpp" and file_path.name.startswith("test_"):
        return CppFile.from_parent(parent, path=file_path)
    return None
