"""Numbers and commands in sentences."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.in_process import Program
from tests.support.pages import ROOT
from ugpt.view.cleaning import printable
from ugpt.view.style import byte_count
from ugpt.wording import alternatives, argument, command, counted, size_in_bytes


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (12345, "12,345 steps")]
)
def test_a_number_and_its_noun(number: int, words: str) -> None:
    assert counted(number, "step") == words


def test_alternatives() -> None:
    texts = [alternatives(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])]
    assert texts == ["a", "a or b", "a, b or c"]


def test_another_plural() -> None:
    assert [counted(number, "loss", "losses") for number in (1, 2)] == ["1 loss", "2 losses"]


def test_one_of_everything(ugpt: Program, tmp_path: Path) -> None:
    """A run of one step on one document of one character: nothing of it is plural."""
    (tmp_path / "t.txt").write_text("a\n")
    shape = ("--n-embd", "1", "--n-head", "1", "--block-size", "1")
    said = [
        ugpt("data", "check", "t.txt", "--steps", "1", "--block-size", "1"),
        ugpt("plan", "t.txt", *shape),
        ugpt("train", "t.txt", "--steps", "1", "--plain", "--run", "R", *shape),
        ugpt("info"),
        ugpt("data", "push", "t.txt"),
        ugpt("train", "t.txt", "--holdout", "10%", status=1),
        ugpt("sample", "--prompt", "a", status=1),
    ]
    for each in said:
        assert not re.search(r"(?<![\d.,-])1 [a-z]+s\b", each.out + each.err), each.out + each.err


HOSTILE = [
    "a\nb",
    "a\n",
    "\n",
    "-\x1b]0;owned\x07",
    "~\x1b",
    "50%\\n\x07'\"$HOME`",
    "n\udcffm",
    "a\u202eb",
    "c\u009bd",
]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("name", [*HOSTILE, "plain", "two words", "é\u200c", "'$x'"])
def test_an_advised_command_runs_when_it_is_pasted(shell: str, name: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    advised = command("train", "--resume", Path(name), "--port", f"p{name}x")
    assert printable(advised) == advised
    script = f"ugpt() {{ '{sys.executable}' -c '{ECHO}' \"$@\"; }}\n{advised}"
    done = subprocess.run([shell, "-c", script], capture_output=True, check=True, cwd=tmp_path)
    *_, path, option, port = done.stdout.split(b"\0")[:-1]
    assert Path(os.fsdecode(path)) == Path(argument(Path(name)))
    assert (option, os.fsdecode(port)) == (b"--port", f"p{name}x")


ECHO = "import os, sys; [sys.stdout.buffer.write(os.fsencode(a) + bytes(1)) for a in sys.argv[1:]]"


def test_a_size_beyond_what_a_device_can_tell() -> None:
    assert [size_in_bytes(size) for size in (1, 2**32 - 2)] == ["1 byte", "4,294,967,294 bytes"]
    assert size_in_bytes(2**32 - 1) == "at least 4 GiB"
    assert byte_count(2**32 - 1) == ">= 4 GiB"


def test_more_texts_than_a_seed_has(ugpt: Program) -> None:
    start = ("--start", "4294967295")
    said = ugpt("sample", *start, "-n", "2", "--port", "/dev/absent", status=2).err
    assert "--start 4294967295" in " ".join(said.split())
    assert "/dev/absent" in ugpt("sample", *start, "-n", "1", "--port", "/dev/absent", status=1).err


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such file")
def test_a_file_that_is_no_port(ugpt: Program) -> None:
    assert "this is not a serial port" in ugpt("info", "--port", "/dev/null", status=1).err


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("host/ugpt/**/*.py")]
PAGES = [page for page in PAGES if page.name != "CHANGELOG.md"]


@pytest.mark.parametrize(
    "once",
    [
        r"\d %(?=[\s.,;:)|]*$| [a-z]{2,}\b)",  # a percentage is written 63%
        r"(scheduler|schedulers) of Dask",
        r"(model|file|tokenizer)s? of llama2\.c",
        r"(model|folder|file|tokenizer)s? of Hugging Face",
    ],
)
def test_one_way_to_write_what_people_read(once: str) -> None:
    found = [
        f"{page.relative_to(ROOT)}:{number}: {line.strip()}"
        for page in PAGES
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1)
        if re.search(once, line)
    ]
    assert not found
