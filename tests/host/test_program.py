"""Advice names this program as the user's shell finds it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ugpt.cli.group import command_names
from ugpt.cli.messages import show_error
from ugpt.cli.program import program_name
from ugpt.errors import UgptError
from ugpt.view import output


def script(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "ugpt"
    made.write_text("#!/bin/sh\n")
    made.chmod(0o755)
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, beside one that is on the PATH."""
    current, on_path = tmp_path / "project", tmp_path / "path"
    current.mkdir()
    on_path.mkdir()
    monkeypatch.chdir(current)
    monkeypatch.setenv("PATH", str(on_path))
    return current


@pytest.fixture
def named() -> Iterator[None]:
    output.name_program(".venv/bin/ugpt", command_names())
    yield
    output._program = None


def start(monkeypatch: pytest.MonkeyPatch, program: Path | str) -> str:
    monkeypatch.setattr(sys, "argv", [str(program), "train"])
    return program_name()


def test_what_is_on_the_path_has_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(monkeypatch, script(folder.parent / "path")) == "ugpt"


def test_a_link_on_the_path_is_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = script(folder.parent / "elsewhere" / "bin")
    (folder.parent / "path" / "ugpt").symlink_to(installed)
    assert start(monkeypatch, installed) == "ugpt"


@pytest.mark.parametrize("other", [False, True])
def test_what_is_not_on_the_path_has_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, other: bool
) -> None:
    if other:
        script(folder.parent / "path")
    script(folder / ".venv" / "bin")
    assert start(monkeypatch, ".venv/bin/ugpt") == ".venv/bin/ugpt"
    assert start(monkeypatch, folder / ".venv" / "bin" / "ugpt") == ".venv/bin/ugpt"
    outside = script(folder.parent / "my tools")
    assert start(monkeypatch, outside) == f"'{outside}'"
    monkeypatch.chdir(folder / ".venv" / "bin")
    assert start(monkeypatch, "ugpt") == "./ugpt"


def test_a_module_is_started_by_its_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binaries = script(folder / ".venv" / "bin").parent
    monkeypatch.setattr(sys, "executable", str(binaries / "python"))
    module = Path("site-packages") / "ugpt" / "__main__.py"
    assert start(monkeypatch, module) == ".venv/bin/python -m ugpt"
    monkeypatch.setenv("PATH", str(binaries))
    assert start(monkeypatch, module) == "ugpt"


def test_another_program_that_uses_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(monkeypatch, "/usr/bin/pytest") == "ugpt"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Go on with: ugpt train --resume R", "Go on with: .venv/bin/ugpt train --resume R"),
        ("`ugpt ports` lists them.", "`.venv/bin/ugpt ports` lists them."),
        ("try ugpt info; ugpt monitor", "try .venv/bin/ugpt info; .venv/bin/ugpt monitor"),
        ("Put the ugpt firmware on it.", "Put the ugpt firmware on it."),
        ("Nothing but ugpt answers.", "Nothing but ugpt answers."),
        ("runs/ugpt train.txt, my-ugpt train", "runs/ugpt train.txt, my-ugpt train"),
        ("ugpt trainer", "ugpt trainer"),
    ],
)
@pytest.mark.usefixtures("named")
def test_only_commands_are_renamed(text: str, shown: str) -> None:
    assert output.pasteable(text) == shown


@pytest.mark.usefixtures("named")
def test_advice_is_pasteable_and_json_is_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("More: ugpt sample -n 20")
    show_error(UgptError("There is no model.", "Train one: ugpt train FILE."))
    output.print_fields({"model": "none; ugpt train FILE"})
    output.print_json({"advice": "ugpt train FILE"})
    said = capsys.readouterr()
    assert said.err == (
        "More: .venv/bin/ugpt sample -n 20\n"
        "error: There is no model. Train one: .venv/bin/ugpt train FILE.\n"
    )
    assert "none; .venv/bin/ugpt train FILE" in said.out
    assert '{"advice": "ugpt train FILE"}' in said.out
