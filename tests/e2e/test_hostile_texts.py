"""Every command on a real terminal, with names, texts and a device that try to act on it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_live import OnTerminal, started
from tests.host.test_models import legacy_file, tokenizer_file
from tests.support.commands import CommandLine
from tests.support.peer import HELLO, Peer, Refused, serving
from ugpt import __version__
from ugpt.cli.group import command_names
from ugpt.rpc.codec import encode_record
from ugpt.rpc.messages import (
    DeviceState,
    ErrorCode,
    Hello,
    ImageInfo,
    LlamaShape,
    MatrixFormat,
    Status,
    Story,
    TextEnd,
)

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


def show(cli: CommandLine, *command: str | Path, until: str = "", says: str = "") -> str:
    with started(cli.folder, *map(str, command), warm=cli.warm) as terminal:
        return check(terminal, until=until, says=says)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    file = tmp_path / FILE
    file.write_text("".join(f"{text}\n" for text in TEXTS * 5))
    return file


def test_names_of_files_and_what_is_in_them(cli: CommandLine, tmp_path: Path, texts: Path) -> None:
    shown_name = "names·]0;owned···.txt"
    show(cli, "data", "check", texts, says=shown_name)
    show(cli, "plan", texts, "--lower", says="parameters")
    show(cli, "train", texts, "--steps", "300", "--run", RUN, "--holdout", "3", says=shown_name)
    show(cli, "train", texts, "--plain", "--steps", "60", "--run", "R", says=shown_name)
    show(cli, "train", texts, "--json", "--steps", "20", "--run", "J", says='"event"')
    show(cli, "train", texts, "--steps", "20", "--run", RUN, says="run·]0;owned··")
    show(cli, "train", "--resume", f"absent{RUN}", says="absentrun·]0;owned··")
    show(cli, "train", f"absent{FILE}", says="absentnames·]0;owned···.txt")
    show(cli, "sample", "--temperature", "3", "-n", "50", says="·")
    show(cli, "sample", "--json", "--temperature", "3", "-n", "50", says="\\u202e")
    show(cli, "sample", "--prompt", f"x{TITLE}", says="error: ")
    show(cli, "info", says="characters")
    show(cli, "data", "push", texts, says=shown_name)
    show(cli, "data", "info", says="documents")
    show(cli, "train", texts, "--detach", "--steps", "300", "--run", f"D{RUN}", says="Drun·]0;")
    show(cli, "attach", says="owned")
    show(cli, "attach", "--run", f"absent{RUN}", says="absentrun·]0;owned··")
    show(cli, "sim", FILE, says="owned")
    show(cli, "sim", "--board", TITLE, says="owned")
    show(cli, "flash", "--image", texts, "--port", TITLE, says="owned")
    show(cli, "ports", says="virtual")
    show(cli, "monitor", "--elf", texts, says="owned")
    show(cli, f"train{TITLE}", says="owned")
    cli("autorun", "on")
    show(cli, "monitor", until="\u3000")


def test_runs_with_such_names(cli: CommandLine, tmp_path: Path, texts: Path) -> None:
    """Their folders, the texts that they wrote, and files that are named after them."""
    shown = "run·]0;owned··"
    for run in (f"runs/{RUN}", f"runs/2{RUN}"):
        cli("train", texts, "--steps", "60", "--run", run, "--keep", "2", "--save-every", "20")
    for more in ((), ("--sort", "loss"), ("--json",), ("runs",)):
        show(cli, "runs", *more, says="owned")
    show(cli, "runs", f"absent{RUN}", says=f"absent{shown}")
    both = (RUN, f"2{RUN}")
    show(cli, "compare", *both, "--samples", says=shown)
    show(cli, "compare", *both, "--json", "--picture", f"{RUN}.png", says="owned")
    show(cli, "compare", *both, "--picture", f"absent/{RUN}.png", says=shown)
    show(cli, "compare", RUN, f"absent{RUN}", says=f"absent{shown}")
    show(cli, "load", f"2{RUN}", says=shown)
    show(cli, "load", RUN, "--json", says="owned")
    show(cli, "load", RUN, "--step", "7", says=shown)
    show(cli, "load", RUN, "--step", f"best{TITLE}", says="owned")
    for to in ("c", "microgpt", "npz", "safetensors", "tensorboard"):
        show(cli, "export", RUN, "--to", to, says=shown)
    show(cli, "export", RUN, "--to", "c", says=shown)  # it is there already
    show(cli, "export", RUN, "--to", "c", "--json", "--overwrite", says="owned")
    show(cli, "export", RUN, "--to", f"c{TITLE}", says="owned")
    damaged = tmp_path / "runs" / f"3{RUN}"
    damaged.mkdir()
    (damaged / "config.toml").write_text(f'data = "{TITLE}{OVERRIDE}\n')
    show(cli, "runs", says=f"3{shown}")
    for command in (("load",), ("export", "--to", "c"), ("compare", RUN)):
        show(cli, *command, f"3{RUN}", says=f"3{shown}")


def test_models_with_such_names(cli: CommandLine, tmp_path: Path) -> None:
    """Their files, what is written in them, and what they write themselves."""
    shown = "model·]0;owned··"
    model = f"model{TITLE}{OVERRIDE}"
    folder = tmp_path / model
    folder.mkdir()
    source, tokenizer = folder / f"{model}.bin", folder / f"tok{TITLE}.bin"
    source.write_bytes(legacy_file(True))
    tokenizer.write_bytes(tokenizer_file())
    make = (source, "--tokenizer", tokenizer)
    for name in ("--name", "--licence"):
        show(cli, "model", "convert", *make, "x.ugpt", name, f"a{TITLE}", says="error: ")
    show(cli, "model", "convert", *make, folder / f"{model}.ugpt", says=shown)
    show(cli, "model", "convert", *make, f"absent/{model}.ugpt", says=shown)
    show(cli, "model", "push", f"absent{model}", says=f"absent{shown}")
    show(cli, "model", "push", source, says=shown)  # without its tokenizer
    show(cli, "model", "push", tokenizer, says="owned")
    show(cli, "model", "push", *make, says="is on the board now")
    show(cli, "model", "info", says="vocabulary")
    show(cli, "model", "info", folder / f"{model}.ugpt", says="vocabulary")
    show(cli, "model", "info", tokenizer, says="owned")
    show(cli, "model", "list", folder, says=shown)
    show(cli, "model", "list", folder, "--json", says="owned")
    show(cli, "model", "list", f"absent{model}", says=f"absent{shown}")
    hot = ("--temperature", "10", "--max-tokens", "9")
    for seed in map(str, range(5)):
        show(cli, "write", f"a{TITLE}{OVERRIDE}{CSI}", "--seed", seed, *hot, says="a·]0;owned·")
    show(cli, "write", f"a{TITLE}", "--json", *hot, says="owned")
    show(cli, "write", f"a{TITLE}", "--stop", TITLE, *hot, says="owned")
    show(cli, "model", "remove", says="no longer on the board")


SWEEP = ("sweep", "--set", "n_embd=8,16", "--sampler", "grid", "--steps", "40")
JOINT = ("fleet", "train", "--steps", "40", "--sync", "20", "--workers", "2")


def test_many_boards_with_such_names(cli: CommandLine, tmp_path: Path, texts: Path) -> None:
    """Texts, folders, lists of boards, addresses and what is varied."""
    shown_name, shown = "names·]0;owned···.txt", "run·]0;owned··"
    one = ("--virtual", "1")
    show(cli, *SWEEP, texts, *one, "--run", RUN, says=shown)
    show(cli, *SWEEP, texts, *one, "--run", RUN, says=f"{shown} exists already")
    show(cli, *SWEEP, f"absent{FILE}", *one, says=f"absent{shown_name}")
    show(cli, "sweep", "--resume", f"absent{RUN}", *one, says=f"absent{shown}")
    show(cli, "sweep", texts, "--set", f"n{TITLE}=1", *one, says="owned")
    show(cli, "sweep", texts, "--set", f"n_embd=1{TITLE}", *one, says="owned")
    (tmp_path / RUN / "study.db").write_text(f"{TITLE}{OVERRIDE}" * 99)
    show(cli, "sweep", "--resume", RUN, *one, says=shown)
    (tmp_path / RUN / "sweep.toml").write_text(f'sampler = "{TITLE}{OVERRIDE}"')
    show(cli, "sweep", "--resume", RUN, *one, says=shown)

    for mode in ((), ("--plain",), ("--json",)):
        run = f"{len(mode)}{mode}{RUN}"
        show(cli, *JOINT, texts, *mode, *one, "--run", run, says="owned")
        show(cli, *JOINT, texts, *mode, *one, "--run", run, says="owned")
    show(cli, *JOINT, f"absent{FILE}", *one, says=f"absent{shown_name}")
    show(cli, "fleet", "train", "--resume", f"absent{RUN}", *one, says=f"absent{shown}")
    show(cli, *JOINT, texts, *one, "--verify", f"1{TITLE}%", says="owned")
    for address in (TITLE, f"tls://{TITLE}:1", f"tcp://127.0.0.1:{TITLE}", f"{TITLE}://a:1"):
        show(cli, *JOINT, texts, *one, "--scheduler", address, says="owned")
        show(cli, "fleet", "join", address, *one, says="owned")

    boards = tmp_path / f"boards{TITLE}{OVERRIDE}.toml"
    lists = (
        ("", "cannot be read"),
        (f"x{TITLE}", "cannot be read"),
        ('"x\\u001b]0;owned" = 1', "has an entry"),
        ('[[board]]\n"x\\u001b]0;owned" = 1', "unknown key"),
        ('[[board]]\nport = "a"\nname = "\\u001b]0;owned\\u202e"', "cannot be called"),
        ('[[board]]\nport = "socket://\\u001b]0;owned\\u202e:1"', "owned"),
        ('[[board]]\nport = "/dev/\\u001b]0;owned\\u202e"', "owned"),
    )
    for content, says in lists:
        if content:
            boards.write_bytes(content.encode())
        show(cli, "boards", "--boards", boards, says=says)
    for command in (("boards", "--json"), ("serve",), (*SWEEP, texts), (*JOINT, texts)):
        show(cli, *command, "--boards", boards, says="owned")
    show(cli, "boards", "--port", f"/dev/{TITLE}", says="owned")
    show(cli, "serve", *one, "--listen", f"127.0.0.1:{TITLE}", says="owned")


def test_a_pipe_gets_the_exact_texts(cli: CommandLine, tmp_path: Path, texts: Path) -> None:
    cli("train", texts, "--steps", "300", "--run", "R")
    drawn = cli("sample", "--temperature", "3", "-n", "60", "--seed", "1")
    assert all(character in drawn for character in ("\x07", OVERRIDE, CSI, "\u3000"))


def test_a_device_that_tries(cli: CommandLine) -> None:
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

    shape = LlamaShape(1, 8, 1, 1, 8, 300, 8, tied_classifier=True)
    image = ImageInfo(True, f"im{TITLE}", f"li{TITLE}", 900, bytes(32), MatrixFormat.Q8, shape)
    story = Story(f"st{TITLE}{OVERRIDE}", bytes(32), 8, 900, 0, 0, 0)
    written = f"owned{TITLE}{OVERRIDE}{CSI}".encode()
    peer.handlers["image_info"] = lambda params: [encode_record(image)]
    peer.handlers["image_erase"] = lambda params: []
    peer.handlers["text_begin"] = lambda params: [encode_record(story), 1]
    peer.handlers["text_read"] = lambda params: [3, written, TextEnd.END_OF_TEXT, 3, 900]

    for method in ("plan", "create", "model_info", "sample", "data_info", "autorun", "stop",
                   "self_test", "data_begin", "profile", "save", "pause", "text_plan"):  # fmt: skip
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
                ["model", "info"], ["model", "info", "--json"], ["model", "list"],
                ["model", "list", "--json"], ["model", "remove"], ["write", "a"],
                ["write", "a", "--json"],
            ):  # fmt: skip
                said = await asyncio.to_thread(show, cli, *command, "--port", port)
                # A run without a folder here is told by its number alone.
                assert "owned" in said or "belongs to the run on the board" in said, command
            await asyncio.to_thread(
                show, cli, "monitor", "--port", port, until="plain words·]0;owned··"
            )

    asyncio.run(try_all())


def test_boards_that_try(cli: CommandLine) -> None:
    """What many boards say of themselves becomes their names, and is told of those left out."""
    chip = f"c{TITLE}{OVERRIDE}{CSI}"
    ours = replace(HELLO, build=__version__, chip=chip, board=f"b{TITLE}", device_id=7)
    later = replace(ours, build=f"9{TITLE}{OVERRIDE}")
    status = Status(DeviceState.IDLE, 7, 100, 100, 100, 2.0, 700, 100, 64, 1, 0, 900, 50_000)
    shape = LlamaShape(1, 8, 1, 1, 8, 300, 8, tied_classifier=True)
    image = ImageInfo(True, f"im{TITLE}", f"li{TITLE}", 900, bytes(32), MatrixFormat.Q8, shape)

    def board(hello: Hello) -> Peer:
        peer = Peer(hello)

        def refuse(params: list[Any]) -> list[object]:
            peer.say(f"plain{TITLE}{OVERRIDE}text\r\n".encode())
            peer.send([2, "log", [0, f"log{TITLE}{OVERRIDE}"]])
            raise Refused(ErrorCode.BAD_PARAMS, f"no{TITLE}{OVERRIDE}")

        for method in ("plan", "create", "pause", "save"):
            peer.handlers[method] = refuse
        peer.handlers["status"] = lambda params: [encode_record(status)]
        peer.handlers["image_info"] = lambda params: [encode_record(image)]
        return peer

    async def try_all(hello: Hello) -> None:
        async with serving(board(hello)) as port:
            for command in (
                ["boards"], ["boards", "--json"],
                [*SWEEP, "names"], [*SWEEP, "names", "--plain"], [*SWEEP, "names", "--json"],
                [*JOINT, "names"], [*JOINT, "names", "--plain"], [*JOINT, "names", "--json"],
            ):  # fmt: skip
                options = ("--overwrite",) if "names" in command else ()
                await asyncio.to_thread(show, cli, *command, *options, "--port", port, says="owned")
            for more in ((), ("--json",)):
                serve = ("serve", "--listen", "127.0.0.1:0", *more, "--port", port)
                await asyncio.to_thread(show, cli, *serve, until="owned")

    asyncio.run(try_all(ours))
    asyncio.run(try_all(later))


def test_a_server_that_tries(cli: CommandLine) -> None:
    """What it says of who has a board, and what speaks at the address of a scheduler."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"ugpt-device: in use by {TITLE}{OVERRIDE}{CSI}\n".encode())
        writer.write_eof()
        await reader.read()
        writer.close()

    async def try_all() -> None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server:
            address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            port = ("--port", f"socket://{address}")
            for command in (
                ["boards", *port], ["boards", "--json", *port], ["serve", *port],
                [*SWEEP, "names", *port], [*JOINT, "names", *port],
            ):  # fmt: skip
                await asyncio.to_thread(show, cli, *command, says="owned")
            scheduler = ("--scheduler", f"tcp://{address}", "--virtual", "1")
            await asyncio.to_thread(
                show, cli, *JOINT, "names", *scheduler, says="cannot be reached"
            )

    asyncio.run(try_all())


def test_no_command_is_left_out() -> None:
    source = Path(__file__).read_text("utf-8")
    assert not {name for name in command_names() if f'"{name}"' not in source}
