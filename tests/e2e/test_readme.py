"""Every command of the README, as it stands there and in its order, every example of --help, and
the Python of the README and of docs/library.md."""

from __future__ import annotations

import re
import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.commands import CommandLine
from tests.support.pages import ROOT, Shell
from ugpt.cli.group import load_command


def test_every_command_of_the_readme(tmp_path: Path) -> None:
    Shell(tmp_path, Path(sys.executable)).run_commands_of_the_readme()


def test_the_names_of_the_readme_are_made_up(tmp_path: Path, names: Path) -> None:
    """By the run of `make train`; the pace of a board changes no bit of it."""
    told = re.search(r"made up these names: ([a-z, ]+)\.", (ROOT / "README.md").read_text())
    words = re.search(r"ugpt (train names) --pace (--steps \d+)", (ROOT / "Makefile").read_text())
    assert told
    assert words
    CommandLine(tmp_path)(*words[1].split(), *words[2].split(), "--run", "R")
    claimed = set(told[1].split(", "))
    assert claimed <= set((tmp_path / "R" / "samples.txt").read_text().splitlines())
    assert not claimed & set(names.read_text().splitlines())


@pytest.mark.parametrize("page", ["README.md", "docs/library.md"])
def test_python_of_a_page(page: str, tmp_path: Path) -> None:
    Shell(tmp_path, Path(sys.executable)).run_programs_of(page)


@pytest.mark.parametrize("page", ["README.md", "docs/library.md", "docs/export.md", "docs/runs.md"])
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text())
    folder = (ROOT / page).parent
    missing = [link for link in links if "://" not in link and not (folder / link).exists()]
    assert not missing


EXAMPLES = [
    example
    for file in sorted((ROOT / "host/ugpt/cli/commands").glob("[a-z]*.py"))
    for example in getattr(import_module(f"ugpt.cli.commands.{file.stem}"), "EXAMPLES", [])
    if not example.startswith("ssh ")
]


def test_examples_train_on_names_that_everybody_has() -> None:
    assert not [example for example in EXAMPLES if "names.txt" in example]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_help_is_understood(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsed as the program parses it, which checks names and ranges; most need a board to run."""
    monkeypatch.chdir(tmp_path)
    parts = re.split(r"\s{2,}#|\s[|>]\s", example)
    ours = next(part for part in parts if part.startswith("ugpt "))
    name, *arguments = shlex.split(ours)[1:]
    command = load_command(name)
    if hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    command.make_context(name, arguments)
