"""A board with the partition table of another project: said by every command that meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import CommandLine
from tests.support.devices import listening_device

SENTENCE = "The board has another partition table than this firmware's: it lacks"
CURE = "Write the whole firmware with its own partition table:"
LABELS = [
    "checkpoint_a",
    "checkpoint_b",
    "settings_a",
    "settings_b",
    "loss_history",
    "documents",
    "model",
]


def lacking(*labels: str) -> list[str]:
    """Options of a device program whose table lacks these regions."""
    return [word for label in labels for word in ("--region", f"{label}=0")]


@pytest.mark.parametrize(
    "command",
    [
        ("info",),
        ("train", "names", "--steps", "20", "--plain"),
        ("doctor",),
        ("plan",),
        ("plan", "--largest"),
    ],
)
async def test_what_needs_no_flash_says_so_and_goes_on(
    cli: CommandLine, tmp_path: Path, command: tuple[str, ...]
) -> None:
    async with listening_device("socket", tmp_path / "flash", *lacking(*LABELS)) as port:
        said = " ".join(cli(*command, "--port", port).split())
    assert f"{SENTENCE} all 7 regions" in said
    assert CURE in said
    assert "0 B" not in said
    assert "too large" not in said


@pytest.mark.parametrize(
    "command",
    [
        ("train", "names", "--steps", "20", "--detach"),
        ("autorun", "on"),
        ("data", "push", "names"),
    ],
)
async def test_what_needs_the_flash_names_the_table_and_the_cure(
    cli: CommandLine, tmp_path: Path, command: tuple[str, ...]
) -> None:
    async with listening_device("socket", tmp_path / "flash", *lacking(*LABELS)) as port:
        said = cli.refused(*command, "--port", port)
    assert f"{SENTENCE} all 7 regions" in said
    assert CURE in said
    assert "worn out" not in said
    assert "too small" not in said


@pytest.mark.parametrize("command", [("bench", "--seconds", "0.1"), ("stop",)])
async def test_what_would_save_the_model_names_the_table(
    cli: CommandLine, tmp_path: Path, command: tuple[str, ...]
) -> None:
    async with listening_device("socket", tmp_path / "flash", *lacking(*LABELS)) as port:
        cli("train", "names", "--steps", "20", "--plain", "--port", port)
        said = cli.refused(*command, "--port", port)
    assert f"{SENTENCE} all 7 regions" in said
    assert "too large" not in said
    assert "too small" not in said


async def test_a_text_that_is_not_begun_says_nothing_of_a_model_in_flash(
    cli: CommandLine, tmp_path: Path
) -> None:
    async with listening_device("socket", tmp_path / "flash", *lacking(*LABELS)) as port:
        cli("train", "names", "--steps", "20", "--plain", "--port", port)
        ended = cli.finished("write", "--port", port, code=1)
    assert "There is no pretrained model" in ended.stderr
    assert "stays in the flash" not in ended.stderr


async def test_a_detached_run_without_its_loss_history_names_the_table(
    cli: CommandLine, tmp_path: Path
) -> None:
    table = lacking("loss_history")
    async with listening_device("socket", tmp_path / "flash", *table) as port:
        said = cli.refused("train", "names", "--steps", "20", "--detach", "--port", port)
    assert f"{SENTENCE} 1 of the 7 regions" in said
    assert CURE in said


async def test_what_a_foreign_table_has_is_used(cli: CommandLine, tmp_path: Path) -> None:
    """Such as that of an older firmware, which lacks only what came later."""
    async with listening_device("socket", tmp_path / "flash", *lacking("model")) as port:
        cli("train", "names", "--steps", "20", "--detach", "--port", port)
        info = json.loads(cli("info", "--json", "--port", port))
        assert info["hello"]["regions"].count(0) == 1


async def test_a_smaller_region_is_used_as_it_is(cli: CommandLine, tmp_path: Path) -> None:
    table = ["--region", "documents=8192"]
    async with listening_device("socket", tmp_path / "flash", *table) as port:
        said = cli.refused("data", "push", "names", "--port", port)
        assert "too small" in said
        assert SENTENCE not in said
