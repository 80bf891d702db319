"""Every command of the README, as it stands there and in its order, every example of --help, and
the Python of the README and of docs/library.md."""

from __future__ import annotations

import re
import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.pages import ROOT, Shell
from ugpt.cli.group import load_command


def test_every_command_of_the_readme(tmp_path: Path) -> None:
    Shell(tmp_path, Path(sys.executable)).run_commands_of_the_readme()


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
