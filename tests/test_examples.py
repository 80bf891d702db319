"""The examples, run as a user runs them: in a folder of their own, on a virtual device."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.support import tools
from tests.support.commands import CommandLine
from tests.support.devices import listening_device

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NAMES = EXAMPLES.parent / "data" / "names.txt"
TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of talk.c, by the C compiler of this system."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler `cc`")
    program = tmp_path_factory.mktemp("talk") / "talk"
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
    tools.run(compiler, *strict, "-o", program, EXAMPLES / "talk.c")
    return program


async def output(*command: str | Path) -> str:
    return await asyncio.to_thread(tools.run, *command, timeout_s=TIMEOUT_S)


@pytest.mark.parametrize("form", ["pty", "listen"])
async def test_talk_in_c(form: str, talk: Path, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    flash = tmp_path / "flash"
    async with listening_device(form, flash) as port:
        greeting, status = (await output(talk, port)).splitlines()
        assert greeting.startswith("firmware ")
        assert "on esp32, board esp32, protocol 1." in greeting
        assert status == "empty, step 0 of 0, loss 0.0000"

        train = ["train", NAMES, "--port", port, "--steps", "50", "--run", "run", "--plain"]
        await asyncio.to_thread(cli, *train)
        _, status, *samples = (await output(talk, port)).splitlines()
        assert status.startswith("idle, step 50 of 50, loss ")
        sample = ["sample", "-n", "3", "--seed", "42", "--port", port]
        assert samples == (await asyncio.to_thread(cli, *sample)).splitlines()


async def test_talk_in_c_knows_characters_of_several_bytes(talk: Path, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    # With more than 256 tokens, each takes two bytes.
    letters = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))
    (tmp_path / "data.txt").write_text("\n".join(letters[i : i + 5] for i in range(0, 300, 5)))
    async with listening_device("listen", tmp_path / "flash") as port:
        train = ["train", "data.txt", "--port", port, "--steps", "5", "--run", "run", "--plain"]
        await asyncio.to_thread(cli, *train)
        samples = (await output(talk, port)).splitlines()[2:]
        sample = ["sample", "-n", "3", "--seed", "42", "--port", port]
        assert samples == (await asyncio.to_thread(cli, *sample)).splitlines()
        assert any(letter in letters for letter in "".join(samples))


@pytest.mark.parametrize("where", ["no-such-port", "socket://localhost", "socket://localhost:1"])
def test_talk_in_c_says_what_is_wrong(where: str, talk: Path) -> None:
    with pytest.raises(tools.ToolFailed, match="exit status 1\ntalk: "):
        tools.run(talk, where)
