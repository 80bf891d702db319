"""The C++ tests can fail: every way in which a case can go wrong is reported with its own words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.cpp_cases import CaseFailed, check_listing, read_cases, run_case
from tests.support.tools import ROOT, run

QUOTED = re.compile(r"pytest (?P<file>tests/\S+) -k (?P<word>\w+)`")
"""How a page shows to run one test."""

CASES = """
#include <cstdlib>
#include <cstring>

#include "check.h"

TEST(passes) { CHECK(1 + 1 == 2); }
#include "more.inc"
TEST(fails) {
    CHECK(1 + 1 == 3);
    CHECK_NEAR(1.0, 1.5, 0.25);
}
TEST(does_not_compare) { CHECK_NEAR(std::strtod("nan", nullptr), 1.0, 2.0); }
TEST(aborts) {
    CHECK(1 == 2);
    std::abort();
}
TEST(leaves_early) { std::exit(0); }
TEST(reads_beyond_the_end) {
    const char* volatile text = static_cast<char*>(std::malloc(4));
    CHECK(text[4] == 'x');
}
TEST(shifts_too_far) {
    volatile int places = 40;
    CHECK(1 << places == 0);
}
TEST(hangs) {
    CHECK(1 == 2);
    for (volatile int i = 0;; i = 1) {
    }
}
// TEST(is_no_test)
"""
NAMES = [
    "passes", "is_included", "fails", "does_not_compare", "aborts", "leaves_early",
    "reads_beyond_the_end", "shifts_too_far", "hangs",
]  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    (folder / "test_cases.cpp").write_text(CASES)
    (folder / "more.inc").write_text("\nTEST(is_included) {}\n")
    return folder / "test_cases.cpp"


@pytest.fixture(scope="module")
def program(source: Path) -> Path:
    program = source.with_suffix("")
    run("c++", "-std=c++20", f"-I{ROOT / 'tests'}", "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all", source, "-o", program, timeout_s=300)  # fmt: skip
    return program


def failure_of(program: Path, name: str, timeout_s: float = 60.0) -> str:
    with pytest.raises(CaseFailed) as caught:
        run_case(program, name, timeout_s)
    return str(caught.value)


def test_cases_are_read_as_the_program_lists_them(source: Path, program: Path) -> None:
    assert [case.name for case in read_cases(source)] == NAMES
    check_listing(source, program)


@pytest.mark.parametrize(
    ("text", "changed"),
    [("TEST(hangs)", "TEST(hangs_on)"), ("TEST(passes)", "UNKNOWN_TEST(passes)")],
)
def test_other_cases_than_the_program_lists_are_noticed(
    source: Path, program: Path, tmp_path: Path, text: str, changed: str
) -> None:
    (tmp_path / "more.inc").write_bytes((source.parent / "more.inc").read_bytes())
    other = tmp_path / "test_cases.cpp"
    other.write_text(source.read_text().replace(text, changed))
    with pytest.raises(CaseFailed, match="--list gives"):
        check_listing(other, program)


def test_cases_know_their_lines(source: Path) -> None:
    for case in read_cases(source):
        assert case.path.read_text().splitlines()[case.line - 1].startswith(f"TEST({case.name})")


def test_passing_cases(program: Path) -> None:
    run_case(program, "passes")
    run_case(program, "is_included")


def test_failed_checks_are_shown(source: Path, program: Path) -> None:
    said = failure_of(program, "fails")
    assert "ended with status 1" in said
    assert re.search(rf"{re.escape(str(source))}:\d+: failed: 1 \+ 1 == 3", said)
    assert "1 is not within 0.25 of 1.5" in said


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("does_not_compare", "nan is not within 2 of 1"),
        ("aborts", "by SIGABRT"),
        ("leaves_early", "ended before its end"),
        ("reads_beyond_the_end", "AddressSanitizer: heap-buffer-overflow"),
        ("shifts_too_far", "shift exponent 40 is too large"),
        ("absent", "no such test"),
    ],
)
def test_other_failures_are_shown(program: Path, name: str, wanted: str) -> None:
    assert wanted in failure_of(program, name)


@pytest.mark.parametrize("name", ["aborts", "hangs"])
def test_what_a_case_said_before_its_end_is_shown(program: Path, name: str) -> None:
    assert "failed: 1 == 2" in failure_of(program, name, timeout_s=1.0)


def test_every_source_is_collected(request: pytest.FixtureRequest) -> None:
    """Each .cpp file that includes the harness is named so that pytest finds it."""
    using = {
        path for path in (ROOT / "tests").rglob("*.cpp") if '#include "check.h"' in path.read_text()
    }
    assert using
    assert all(path.name.startswith("test_") for path in using)


def test_contributing_shows_tests_that_there_are() -> None:
    shown = QUOTED.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    assert len(shown) == 2
    for file, word in shown:
        source = (ROOT / file).read_text("utf-8")
        names = re.findall(r"^(?:async def |def |TEST\()(\w+)", source, re.MULTILINE)
        assert any(word in name for name in names), f"{file} has no test of {word}"
