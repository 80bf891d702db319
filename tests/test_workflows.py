"""The workflows of the public repository, as far as they can be checked without running them."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.tools import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
READ_ONLY = {"contents": "read"}
MORE_PERMISSIONS = {
    ("release", "release"): {
        "contents": "write", "id-token": "write", "attestations": "write",
    },
    ("release", "pypi"): {"id-token": "write"},
}  # fmt: skip
PYTHONS = {"3.11", "3.12", "3.13", "3.14"}
PINNED = re.compile(r"[\w.-]+/[\w./-]+@(?:v\d+|release/v\d+)")


def load(path: Path) -> dict[str, Any]:
    loaded = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def jobs(name: str) -> dict[str, dict[str, Any]]:
    found = load(FOLDER / f"{name}.yml")["jobs"]
    assert isinstance(found, dict)
    return found


def needs(job: dict[str, Any]) -> set[str]:
    named = job.get("needs", [])
    return {named} if isinstance(named, str) else set(named)


def commands(job: dict[str, Any]) -> Iterator[str]:
    for step in job["steps"]:
        if "run" in step:
            yield step["run"]


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request: pytest.FixtureRequest) -> Path:
    path = request.param
    assert isinstance(path, Path)
    return path


def test_both_workflows_are_here() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "release"]


def test_jobs_wait_for_jobs_that_exist(workflow: Path) -> None:
    found = jobs(workflow.stem)
    for name, job in found.items():
        assert needs(job) <= set(found) - {name}, name
        assert job["timeout-minutes"] <= 60, name


def test_steps_either_run_or_use_something(workflow: Path) -> None:
    for name, job in jobs(workflow.stem).items():
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step), f"{name}: {step}"


def test_every_board_is_built() -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "device" / "platformio.ini", "utf-8")
    boards = [name.removeprefix("env:") for name in config.sections() if name.startswith("env:")]
    assert len(boards) > 5
    for path in WORKFLOWS:
        assert jobs(path.stem)["firmware"]["strategy"]["matrix"]["env"] == boards, path.name


def test_named_files_exist(workflow: Path) -> None:
    """Paths into the folders of the project, except those that a build leaves there."""
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"build", "dist"}
    checked = 0
    for name, job in jobs(workflow.stem).items():
        for command in commands(job):
            for word in re.sub(r"[\"'();|]", " ", command).split():
                path = Path(word.partition("=")[2] or word)
                if path.parts and (path.parts[0] in folders or path.suffix == ".py"):
                    if ".pio" in path.parts:
                        continue
                    assert (ROOT / path).exists(), f"{name}: {word}"
                    checked += 1
    assert checked >= 2


def test_permissions_are_minimal(workflow: Path) -> None:
    assert load(workflow)["permissions"] == READ_ONLY
    for name, job in jobs(workflow.stem).items():
        assert job.get("permissions") == MORE_PERMISSIONS.get((workflow.stem, name)), name


def test_actions_are_pinned_to_a_major_version(workflow: Path) -> None:
    used = [
        step["uses"]
        for job in jobs(workflow.stem).values()
        for step in job["steps"]
        if "uses" in step
    ]
    assert used
    assert not [name for name in used if not PINNED.fullmatch(name)]
    by_action: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for name, version in re.findall(r"uses: (\S+)@(\S+)", path.read_text("utf-8")):
            by_action.setdefault(name, set()).add(version)
    assert not {name: found for name, found in by_action.items() if len(found) > 1}


def test_nothing_from_outside_is_put_into_a_script(workflow: Path) -> None:
    """A `${{ }}` in a script is replaced before the shell reads it: only the matrix may be."""
    for job in jobs(workflow.stem).values():
        for command in commands(job):
            for expression in re.findall(r"\$\{\{\s*(.*?)\s*\}\}", command):
                assert expression.startswith("matrix."), expression


def test_every_python_system_and_compiler_is_tested() -> None:
    found = jobs("ci")
    rows = found["test"]["strategy"]["matrix"]["include"]
    assert {row["python"] for row in rows if row["os"] == "ubuntu-latest"} == PYTHONS
    assert {row["compiler"] for row in rows if row["os"] == "ubuntu-latest"} == {"g++", "clang++"}
    assert "macos-latest" in {row["os"] for row in rows}
    assert set(found["windows"]["strategy"]["matrix"]["python"]) == PYTHONS
    assert any("tests/data/golden.json" in command for command in commands(found["emulator"]))
    assert needs(found["emulator"]) == {"firmware"}


def test_every_parser_is_fuzzed_for_a_minute() -> None:
    fuzz = jobs("ci")["fuzz"]
    assert "make fuzz MINUTES=1" in list(commands(fuzz))
    assert any("clang" in command for command in commands(fuzz))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(
        r"^fuzz:.*\n\t.* -m tests\.fuzz --minutes \$\(or \$\(MINUTES\),1\)$", makefile, re.M
    )


def test_packages_are_built_after_the_images_that_they_hold() -> None:
    found = jobs("release")
    for name in ("wheel", "source"):
        assert needs(found[name]) == {"firmware"}
        (images,) = (
            step for step in found[name]["steps"] if "download-artifact" in step.get("uses", "")
        )
        folder = ROOT / images["with"]["path"]
        assert folder.parent.is_dir()
        assert f"/{images['with']['path']}/" in (ROOT / ".gitignore").read_text().splitlines()
        assert images["with"]["pattern"] == "image-*"
    assert {"wheel", "source"} <= needs(found["release"])
    assert found["pypi"]["environment"] == "pypi"


def test_downloads_are_checked() -> None:
    emulator = jobs("ci")["emulator"]
    assert re.fullmatch(r"[0-9a-f]{64}", emulator["env"]["QEMU_SHA256"])
    (install,) = (command for command in commands(emulator) if "curl" in command)
    assert "sha256sum --check" in install
