"""Whatever the system says of a path is one sentence that names it, wherever a path is taken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
from typer.models import OptionInfo

from tests.support.in_process import Program
from ugpt.cli.group import command_names
from ugpt.cli.option_groups import takes_groups
from ugpt.cli.paths import output_path
from ugpt.cli.paths import path as parse_path
from ugpt.wording import command

pytestmark = pytest.mark.long

if sys.platform == "win32":
    pytest.skip("paths are others there", allow_module_level=True)

TAKES_A_PATH = {
    "train --run": ["train", "names", "--steps", "1", "--run"],
    "train --resume": ["train", "--resume"],
    "train FILE": ["train"],
    "train --port": ["train", "names", "--steps", "1", "--port"],
    "attach --run": ["attach", "--run"],
    "attach --data": ["attach", "--run", "R", "--data"],
    "sample --data": ["sample", "--new", "--data"],
    "plan FILE": ["plan"],
    "data check FILE": ["data", "check"],
    "data push FILE": ["data", "push"],
    "flash --image": ["flash", "--port", "/dev/null", "--image"],
    "monitor --elf": ["monitor", "--port", "/dev/null", "--elf"],
    "sim --flash": ["sim", "--flash"],
    "info --port": ["info", "--port"],
    "train --from": ["train", "names", "--from"],
    "sample --run": ["sample", "--run"],
    "load FILE": ["load"],
    "compare FILE": ["compare", "R"],
    "compare --picture": ["compare", "R", "R", "--picture"],
    "runs FILE": ["runs"],
    "export FILE": ["export", "--to", "npz"],
    "export --out": ["export", "R", "--to", "npz", "--out"],
    "bench --receipt": ["bench", "--seconds", "0.1", "--receipt"],
    "model info FILE": ["model", "info"],
    "model list_models FILE": ["model", "list"],
    "model push FILE": ["model", "push"],
    "boards --boards": ["boards", "--boards"],
    "serve --boards": ["serve", "--boards"],
    "serve --port": ["serve", "--port"],
    "sweep FILE": ["sweep", "--set", "seed=1,2"],
    "sweep --run": ["sweep", "names", "--set", "seed=1,2", "--virtual", "1", "--run"],
    "sweep --resume": ["sweep", "--resume"],
    "sweep --boards": ["sweep", "names", "--set", "seed=1,2", "--boards"],
    "fleet train FILE": ["fleet", "train", "--virtual", "1"],
    "fleet train --resume": ["fleet", "train", "--resume"],
    "fleet train --boards": ["fleet", "train", "names", "--boards"],
    "fleet join --boards": ["fleet", "join", "tcp://127.0.0.1:1", "--boards"],
}
READ_AFTER_A_MODEL = {"model push --tokenizer", "model convert FILE", "model convert --tokenizer"}
MADE_AFTER_BOARDS = {"fleet train --run"}


def path_parameters() -> Iterator[str]:
    """Every parameter of the command line that is read as a path."""
    for name in command_names():
        module = import_module(f"ugpt.cli.commands.{name}")
        functions = {name: getattr(module, "command", None)}
        if hasattr(module, "app"):
            functions = {
                f"{name} {each.callback.__name__}": each.callback
                for each in module.app.registered_commands
            }
        for words, function in functions.items():
            for parameter, shown in signature(takes_groups(function)).parameters.items():
                for told in getattr(shown.annotation, "__metadata__", ()):
                    if told.parser in (parse_path, output_path):
                        names = [told.default, *(told.param_decls or ()), f"--{parameter}"]
                        option = next(name for name in names if str(name).startswith("--"))
                        yield f"{words} {option if isinstance(told, OptionInfo) else 'FILE'}"


def test_every_path_is_tried_here() -> None:
    found = set(path_parameters())
    assert found
    assert found - READ_AFTER_A_MODEL - MADE_AFTER_BOARDS <= set(TAKES_A_PATH)


def one_sentence(ugpt: Program, words: list[str], path: str) -> str:
    said = ugpt(*words, path, status=None)
    assert said.status == 1, said.out + said.err
    lines = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, said.err
    assert "itself failed" not in lines[0]
    return lines[0]


@pytest.mark.parametrize("name", TAKES_A_PATH)
@pytest.mark.parametrize("kind", ["too long", "below a file", "a loop"])
def test_bad_path(ugpt: Program, name: str, kind: str) -> None:
    (ugpt.folder / "file").touch()
    (ugpt.folder / "loop").symlink_to("loop")
    path = {
        "too long": "y" * 300,
        "below a file": "file/x",
        "a loop": "loop/x",
    }[kind]
    if name.startswith(
        ("attach", "sample --data", "compare", "export")
    ):  # they look once the board has told of a run
        ugpt("train", "names", "--steps", "3", "--run", "R")
    said = one_sentence(ugpt, TAKES_A_PATH[name], path)
    assert path[:40] in said


@pytest.mark.parametrize(
    "words",
    [
        ("export", "R", "--to", "c", "--out"),
        ("compare", "R", "R", "--picture"),
        ("bench", "--receipt"),
        ("model", "convert", "x.bin"),
    ],
)
def test_standard_output_is_no_file(ugpt: Program, words: tuple[str, ...]) -> None:
    assert "- is not a file to write to" in ugpt(*words, "-", status=2).err
    assert not (ugpt.folder / "-").exists()


@pytest.mark.parametrize("below", ["file/x", "file/x/y"])
def test_new_folder_below_a_file(ugpt: Program, below: str) -> None:
    (ugpt.folder / "file").touch()
    said = one_sentence(ugpt, TAKES_A_PATH["train --run"], below)
    assert f"{below} cannot be written (file is a file, not a folder)" in said


def test_home_is_meant_behind_an_equals_sign(ugpt: Program) -> None:
    (ugpt.folder / "t.txt").write_text("anna\nbella\n")
    ugpt("train", "~/t.txt", "--steps", "1", "--run=~/my run ")
    assert (ugpt.folder / "my run " / "weights.sha256").exists()
    ugpt("train", "--resume=~/my run ")
    said = ugpt("train", "t.txt", "--run=~/my run ", status=1).err
    assert command("train", "--resume", ugpt.folder / "my run ") in said


@pytest.mark.parametrize(
    "name",
    [
        "名" * 85,
        "[bold]",
        "$x",
        "a b",
        "-n",
        "~x",
        "it's",
        "ends in a blank ",
        "two\nlines",
        "\x1b[1m",
    ],
)
def test_text_of_any_name(ugpt: Program, name: str) -> None:
    (ugpt.folder / name).write_text("anna\nbella\n")
    ugpt("train", "--steps", "1", "--json", "--", f"./{name}")
    (run,) = (ugpt.folder / "runs").iterdir()
    assert run.name.isprintable()
    ugpt("train", "--resume", run)


def test_text_whose_name_is_no_text(ugpt: Program) -> None:
    name = os.fsdecode(b"n\xff.txt")
    (ugpt.folder / name).write_text("anna\nbella\n")
    said = one_sentence(ugpt, ["train"], name)
    assert "not UTF-8 text" in said
    assert not (ugpt.folder / "runs").exists()


@pytest.mark.parametrize("name", ["a b", "it's", "-x", "~x", "$HOME", "two\nlines", "[bold]", "x "])
def test_advised_commands_are_quoted(ugpt: Program, name: str) -> None:

    advised = command("train", "--resume", Path(name))
    # Only a shell knows what it makes of a line end.
    shown = subprocess.run(
        ["sh", "-c", f"printf '%s\\0' {advised}"], capture_output=True, text=True, check=True
    ).stdout
    words = shown.split("\0")
    assert words[:3] == ["ugpt", "train", "--resume"]
    assert parse_path(words[3]) == Path(name)
    assert not words[3].startswith("-")


@pytest.mark.parametrize("kind", ["notes", "fifo", "link", "folder"])
@pytest.mark.parametrize("command", ["compare", "bench"])
def test_only_a_file_of_the_kind_is_replaced(
    ugpt: Program, tmp_path: Path, kind: str, command: str
) -> None:
    """Whatever else is there stays; nobody would expect a picture in its place."""
    target = tmp_path / "there"
    if kind == "fifo":
        os.mkfifo(target)
    elif kind == "link":
        target.symlink_to("nowhere")
    elif kind == "folder":
        target.mkdir()
    else:
        target.write_text("notes")
    before = target.lstat()
    if command == "compare":
        for name in ("a", "b"):
            ugpt("train", "names", "--steps", "2", "--run", name, "--overwrite")
        said = ugpt("compare", "a", "b", "--picture", target, status=1).err
    else:
        said = ugpt("bench", "--seconds", "0.1", "--receipt", target, status=1).err
    assert str(target) in said
    after = target.lstat()
    assert (after.st_ino, after.st_mode, after.st_size) == (
        before.st_ino, before.st_mode, before.st_size
    )  # fmt: skip


def test_a_picture_and_a_receipt_are_replaced(ugpt: Program, tmp_path: Path) -> None:
    for name in ("a", "b"):
        ugpt("train", "names", "--steps", "2", "--run", name, "--overwrite")
    for _ in range(2):
        ugpt("compare", "a", "b", "--picture", "p.png")
        ugpt("bench", "--seconds", "0.1", "--receipt", "r.json")
    (tmp_path / "p.png").write_bytes(b"")
    ugpt("compare", "a", "b", "--picture", "p.png")
