"""A list of boards in a file: what it may say, and what is said of one that makes no sense."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ugpt.fleet.boards_file import ListedBoard, read_boards_file
from ugpt.fleet.errors import BadBoardsFile


def written(folder: Path, text: str) -> Path:
    file = folder / "lab.toml"
    file.write_text(text)
    return file


def test_boards_with_and_without_names(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '[[board]]\nname = "window"\nport = "socket://pi:5600"\n[[board]]\nport = "D7A2"\n',
    )
    assert read_boards_file(file) == (
        ListedBoard("socket://pi:5600", "window"),
        ListedBoard("D7A2"),
    )


def test_an_editor_may_put_a_byte_order_mark_in_front(tmp_path: Path) -> None:
    file = written(tmp_path, "\ufeff[[board]]\nport = 'COM3'\n")
    assert read_boards_file(file) == (ListedBoard("COM3"),)


def test_a_list_may_be_empty(tmp_path: Path) -> None:
    assert read_boards_file(written(tmp_path, "# none yet\n")) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[board]\n", "cannot be read"),
        ("[[board]]\nname = 'a'\n", "Board 1 in .* has no port"),
        ("[[board]]\nport = 7\n", "Board 1 in .* has no port"),
        ("[[board]]\nport = 'a'\n[[board]]\nport = ''\n", "Board 2 in .* has no port"),
        ("[[board]]\nport = 'a'\nbaud = 9600\n", "Board 1 in .* unknown key 'baud'"),
        ("[[board]]\nport = 'a'\nname = '../x'\n", r"cannot be called '\.\./x'"),
        ("[[board]]\nport = 'a'\nname = 7\n", "cannot be called 7"),
        ("[[board]]\nport = 'a'\nname = 'virtual-1'\n", "virtual boards have such names"),
        ("[[board]]\nport='a'\nname='x'\n[[board]]\nport='b'\nname='x'\n", "more than one .* x"),
        ("[board]\nport = 'a'\n", r"each board begins with \[\[board\]\]"),
        ("board = [1]\n", r"each board begins with \[\[board\]\]"),
        ("[[boards]]\nport = 'a'\n", "an entry 'boards'"),
        ("# " + "x" * 2**20, "too large"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadBoardsFile, match=said) as caught:
        read_boards_file(written(tmp_path, text))
    assert (
        "docs/fleet.md" in caught.value.advice
        or "another name" in caught.value.advice
        or ("letters" in caught.value.advice)
    )


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[[" * 5000])
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "lab.toml"
    file.write_bytes(content)
    with pytest.raises(BadBoardsFile, match="cannot be read"):
        read_boards_file(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name here")
def test_a_pipe_holds_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lab.toml")
    for path in (tmp_path / "lab.toml", tmp_path):
        with pytest.raises(BadBoardsFile, match="cannot be read: it is not a regular file"):
            read_boards_file(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadBoardsFile, match="No such file"):
        read_boards_file(tmp_path / "lab.toml")
