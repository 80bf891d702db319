"""The distribution is ugpt-esp32; `ugpt` on PyPI is another program, and nothing leads there."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution

import pytest

import ugpt
from tests.support.tools import ROOT, project_files

DISTRIBUTION = "ugpt-esp32"

# Built from parts, or this file would be found to advise it.
_NAME = r"""["'`]?\bugpt\b(?!-esp32)"""
ADVICE = re.compile(
    rf"\b(?:pip3?|pipx|uv|poetry|conda|mamba)\b[^\n;|&]*\b(?:install|add|inject|upgrade|run)\b"
    rf"[^\n;|&]*[ =]{_NAME}(?![./\w])"
    rf"|\buvx\s+{_NAME}"
    rf"|\binstall\s+{_NAME}\s+(?:with|from|using)\s+(?:pip|PyPI)",
    re.IGNORECASE,
)
TEXT_SUFFIXES = {
    ".c", ".cfg", ".cmake", ".cpp", ".csv", ".h", ".inc", ".ini", ".json", ".md", ".py", ".svg",
    ".toml", ".txt", ".yaml", ".yml", "",
}  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        "pip install {}",
        "pip3 install --upgrade {}",
        "python -m pip install -U '{}'",
        'pip install "{}[build]"',
        "pip install {}==0.1.0",
        "pipx install {}",
        "pipx run {}",
        "uv tool install {}",
        "uv pip install numpy {}",
        "uvx {} train",
        "Install {} with pip",
        "run `pip install {}`.",
    ],
)
def test_the_pattern_finds_advice(words: str) -> None:
    assert ADVICE.search(words.format("ugpt"))
    assert not ADVICE.search(words.format(DISTRIBUTION))


@pytest.mark.parametrize(
    "words", ["pip install . && ugpt train", "pip install host/ugpt", "pip install ./ugpt-x.whl"]
)
def test_the_pattern_leaves_others_alone(words: str) -> None:
    assert not ADVICE.search(words)


def test_nothing_advises_to_install_a_strangers_program() -> None:
    files = [path for path in project_files() if path.suffix in TEXT_SUFFIXES]
    assert len(files) > 200
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files
        for match in ADVICE.finditer(path.read_text("utf-8"))
    ]
    assert not found, "\n".join(found)


def test_the_distribution_has_this_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == DISTRIBUTION
    assert project["scripts"] == {"ugpt": "ugpt.cli:main"}
    assert ugpt.__version__ == project["version"] == distribution(DISTRIBUTION).version


def test_platformio_alone_is_an_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert not any(line.startswith("platformio") for line in project["dependencies"])
    assert any(line.startswith("matplotlib") for line in project["dependencies"])
    assert [line.partition(">")[0] for line in extras["build"]] == ["platformio"]
    assert f"{DISTRIBUTION}[build]" in extras["test"]
