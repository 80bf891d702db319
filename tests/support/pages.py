"""The commands and programs of the pages that people read, and what they need around them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.host.test_models import legacy_file, tokenizer_file
from tests.support.commands import TIMEOUT_S

ROOT = Path(__file__).parents[2]

ELSEWHERE = {
    "make train": "tests/e2e/test_make.py",
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


def programs(page: str) -> list[str]:
    """What stands in a fence of a page, which is Python."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@dataclass(frozen=True)
class Shell:
    """A shell in `folder` and with a home there, which finds the programs beside `python` first."""

    folder: Path
    python: Path

    def __call__(self, command: str) -> subprocess.CompletedProcess[str]:
        home = {"HOME": str(self.folder / "home"), "XDG_STATE_HOME": str(self.folder / "state")}
        path = {"PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"}
        return subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env={**os.environ, **home, **path},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def run_commands_of_the_readme(self) -> None:
        """In their order; each must do what it is there for."""
        for name, content in FILES.items():
            (self.folder / name).write_text(content)
        for name, model in MODEL.items():
            (self.folder / name).write_bytes(model)
        (self.folder / "home").mkdir()
        ran = 0
        for command in commands():
            if command in ELSEWHERE:
                continue
            done = self(command)
            said = f"{command}\n{done.stdout}{done.stderr}"
            assert "Traceback" not in said
            if command in NEEDS_SOMETHING:
                assert done.returncode == 1, said
                assert NEEDS_SOMETHING[command] in said
            else:
                assert done.returncode == 0, said
            ran += 1
        assert ran > 10

    def run_programs_of(self, page: str) -> None:
        """Each prints something."""
        found = programs(page)
        assert found
        for program in found:
            (self.folder / "program.py").write_text(program)
            done = self(f"{shlex.quote(str(self.python))} program.py")
            assert done.returncode == 0, done.stderr
            assert done.stdout
