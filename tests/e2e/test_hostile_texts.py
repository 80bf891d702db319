"""Every command on a real terminal, with names, texts and a device that try to act on it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_live import OnTerminal, started
from tests.support.commands import CommandLine
from tests.support.peer import HELLO, Peer, Refused, serving
from ugpt.cli.group import command_names
from ugpt.rpc.codec import encode_record
from ugpt.rpc.messages import DeviceState, ErrorCode, Status

TITLE = "\x1b]0;owned\x07"
OVERRIDE, CSI = "\u202e", "\u009b"
TEXTS = [
    "anna\x07",
    f"be{TITLE[:2]}la",
    f"ca{OVERRIDE}rl",
    f"do{CSI}ra",
    "emma\u3000o",
    "می\u200cشود",
]
FILE = f"names{TITLE}{OVERRIDE}{CSI}.txt"
RUN = f"run{TITLE}{OVERRIDE}"


def check(terminal: OnTerminal, *, until: str = "", says: str = "") -> str:
    if until:
        terminal.until(until)
        terminal.press("\x03")
    terminal.rest()
    sent = terminal.sent
    for acting in ("\x1b]", "\x07", OVERRIDE, CSI, *("\x00\x08\x0b\x0c\x7f")):
        assert acting not in sent, (acting, sent)
    assert says in sent
    return sent


def show(folder: Path, *command: str | Path, until: str = "", says: str = "") -> str:
    with started(folder, *map(str, command)) as terminal:
        return check(terminal, until=until, says=says)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    file = tmp_path / FILE
    file.write_text("".join(f"{text}\n" for text in TEXTS * 5))
    return file


def test_names_of_files_and_what_is_in_them(cli: CommandLine, tmp_path: Path, texts: Path) -> None:
    shown_name = "names·]0;owned···.txt"
    show(tmp_path, "data", "check", texts, says=shown_name)
    show(tmp_path, "plan", texts, "--lower", says="parameters")
    show(
        tmp_path, "train", texts, "--steps", "300", "--run", RUN, "--holdout", "3", says=shown_name
    )
    show(tmp_path, "train", texts, "--plain", "--steps", "60", "--run", "R", says=shown_name)
    show(tmp_path, "train", texts, "--json", "--steps", "20", "--run", "J", says='"event"')
    show(tmp_path, "train", texts, "--steps", "20", "--run", RUN, says="run·]0;owned··")
    show(tmp_path, "train", "--resume", f"absent{RUN}", says="absentrun·]0;owned··")
    show(tmp_path, "train", f"absent{FILE}", says="absentnames·]0;owned···.txt")
    show(tmp_path, "sample", "--temperature", "3", "-n", "50", says="·")
    show(tmp_path, "sample", "--json", "--temperature", "3", "-n", "50", says="\\u202e")
    show(tmp_path, "sample", "--prompt", f"x{TITLE}", says="error: ")
    show(tmp_path, "info", says="characters")
    show(tmp_path, "data", "push", texts, says=shown_name)
    show(tmp_path, "data", "info", says="documents")
    show(
        tmp_path, "train", texts, "--detach", "--steps", "300", "--run", f"D{RUN}", says="Drun·]0;"
    )
    show(tmp_path, "attach", says="owned")
    show(tmp_path, "attach", "--run", f"absent{RUN}", says="absentrun·]0;owned··")
    show(tmp_path, "sim", FILE, says="owned")
    show(tmp_path, "sim", "--board", TITLE, says="owned")
    show(tmp_path, "flash", "--image", texts, "--port", TITLE, says="owned")
    show(tmp_path, "ports", says="virtual")
    show(tmp_path, "monitor", "--elf", texts, says="owned")
    show(tmp_path, f"train{TITLE}", says="owned")
    cli("autorun", "on")
    show(tmp_path, "monitor", until="\u3000")


def test_a_pipe_gets_the_exact_texts(cli: CommandLine, tmp_path: Path, texts: Path) -> None:
    cli("train", texts, "--steps", "300", "--run", "R")
    drawn = cli("sample", "--temperature", "3", "-n", "60", "--seed", "1")
    assert all(character in drawn for character in ("\x07", OVERRIDE, CSI, "\u3000"))


def test_a_device_that_tries(tmp_path: Path) -> None:
    """All of what it says of itself, its log, its errors and its plain text."""
    peer = Peer(replace(HELLO, build=f"1{TITLE}", chip=f"c{OVERRIDE}", board=f"b{CSI}{TITLE}"))
    status = Status(DeviceState.IDLE, 7, 100, 100, 100, 2.0, 700, 100, 64, 1, 0, 900, 50_000)

    def refuse(params: list[Any]) -> list[object]:
        peer.say(f"plain{TITLE}{OVERRIDE}text\r\n".encode())
        peer.send([2, "log", [0, f"log{TITLE}{OVERRIDE}"]])
        raise Refused(ErrorCode.BAD_PARAMS, f"no{TITLE}{OVERRIDE}")

    def tell(params: list[Any]) -> list[object]:
        peer.say(f"plain words{TITLE}{OVERRIDE}\r\n".encode())
        peer.send([2, "log", [0, f"log{TITLE}{OVERRIDE}"]])
        return [encode_record(status)]

    for method in ("plan", "create", "model_info", "sample", "data_info", "autorun", "stop",
                   "self_test", "data_begin", "profile", "save", "pause"):  # fmt: skip
        peer.handlers[method] = refuse
    peer.handlers["status"] = tell

    async def try_all() -> None:
        async with serving(peer) as port:
            for command in (
                ["info"], ["doctor"], ["doctor", "--json"], ["sample"], ["plan"], ["stop"],
                ["autorun", "on"], ["reset"], ["data", "info"], ["data", "push", "names"],
                ["train", "names", "--run", "R"], ["train", "names", "--plain", "--run", "R"],
                ["train", "names", "--json", "--run", "R"], ["attach"], ["attach", "--plain"],
                ["bench"], ["train", "names", "--detach", "--run", "R"],
            ):  # fmt: skip
                said = await asyncio.to_thread(show, tmp_path, *command, "--port", port)
                # A run without a folder here is told by its number alone.
                assert "owned" in said or "belongs to the run on the board" in said, command
            await asyncio.to_thread(
                show, tmp_path, "monitor", "--port", port, until="plain words·]0;owned··"
            )

    asyncio.run(try_all())


def test_no_command_is_left_out() -> None:
    source = Path(__file__).read_text("utf-8")
    assert not {name for name in command_names() if f'"{name}"' not in source}
