"""device/src/engine/README.md: every function it names stands in the file it names."""

from __future__ import annotations

import re
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[2] / "device" / "src" / "engine"
README = (ENGINE / "README.md").read_text("utf-8")


def claims() -> list[tuple[str, str]]:
    """Pairs of a name and the file behind it, as in: `name`, `other` (`file.h`)."""
    found = []
    for cell in re.split(r"[|\n]", README):
        for names, file in re.findall(r"((?:[^()]|\([^`)]*\))*?)\(`([\w/]+\.(?:h|cpp))`\)", cell):
            found += [(name, file) for name in re.findall(r"`([\w:]+)`", names)]
    return found


def test_the_page_names_many_functions() -> None:
    assert len(claims()) > 40


def test_every_function_stands_in_its_file() -> None:
    wrong = []
    for name, file in claims():
        path = ENGINE / file
        if not path.exists():
            wrong.append(f"{file} (for {name}) does not exist")
        elif not re.search(rf"\b{re.escape(name.split('::')[-1])}\b", path.read_text("utf-8")):
            wrong.append(f"{name} is not in {file}")
    assert not wrong, "\n".join(wrong)


def test_functions_of_the_reference_exist() -> None:
    text = "".join(path.read_text("utf-8") for path in (ENGINE / "reference").iterdir())
    rows = [line.split("|") for line in README.splitlines() if line.startswith("| ")]
    for cells in rows[1:]:
        for name in re.findall(r"`(\w+)`", cells[2]):
            assert re.search(rf"\b{name}\b", text), name
