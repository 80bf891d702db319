"""Every command of the README, as it stands there and in its order, every example of --help, and
the Python of the README and of docs/library.md."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.host.test_models import legacy_file, tokenizer_file
from tests.support.commands import TIMEOUT_S
from ugpt.cli.group import load_command

ROOT = Path(__file__).parents[2]

ELSEWHERE = {
    "make train": "tests/test_make.py",
    "make test": "it is what runs here",
    "uv tool install .": "tests/test_wheel.py installs what this installs",
}
NEEDS_SOMETHING = {
    "ugpt flash": "There is no board to flash",
}
"""What is said without a board. test_flash.py flashes the loader of an emulated ROM."""

FILES = {
    "poems.txt": "The rain has stopped.\nA light in every window,\nand the road is long.\n" * 9,
    "shakespeare.txt": "First Citizen:\nBefore we proceed any further, hear me speak.\n\n" * 40,
    "towns.txt": "Rome\nPARIS\nparis\nOslo\nBern\n" * 10,
    "towns.csv": "id,name\n" + "".join(f"{i},town{i}\n" for i in range(40)),
}

MODEL = {"stories260K.bin": legacy_file(True), "tok512.bin": tokenizer_file()}
"""A much smaller one, under the names that the README has."""


def commands() -> list[str]:
    """The indented lines, without their remarks; what stands in a fence is Python."""
    text = re.sub(r"```.*?```", "", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    found = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    return [re.split(r"\s{2,}#", line)[0] for line in found]


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    home = {"HOME": str(folder / "home"), "XDG_STATE_HOME": str(folder / "state")}
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env={**os.environ, **home, **path},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_every_command_of_the_readme(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    for name, model in MODEL.items():
        (tmp_path / name).write_bytes(model)
    (tmp_path / "home").mkdir()
    ran = 0
    for command in commands():
        if command in ELSEWHERE:
            continue
        done = shell(command, tmp_path)
        said = f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in said
        if command in NEEDS_SOMETHING:
            assert done.returncode == 1, said
            assert NEEDS_SOMETHING[command] in said
        else:
            assert done.returncode == 0, said
        ran += 1
    assert ran > 10


@pytest.mark.parametrize("page", ["README.md", "docs/library.md"])
def test_python_of_a_page(page: str, tmp_path: Path) -> None:
    programs = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert programs
    for program in programs:
        (tmp_path / "program.py").write_text(program)
        done = shell(f"{shlex.quote(sys.executable)} program.py", tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout


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
