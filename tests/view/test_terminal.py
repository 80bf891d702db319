"""Taking over a terminal, and giving it back as it was."""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import struct
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from rich.console import Console
from rich.text import Text

from ugpt.view.capability import mend_environment, terminal_size
from ugpt.view.keyboard import ConsoleKeyboard, Key, TerminalKeyboard, each_key, keys_of
from ugpt.view.terminal import Frame, Takeover


class Stream(io.StringIO):
    """A text stream of a terminal that keeps what is written to it."""

    encoding = "utf-8"

    def __init__(self, file: int) -> None:
        super().__init__()
        self._file = file

    def fileno(self) -> int:
        return self._file

    def isatty(self) -> bool:
        return True


@dataclass
class Terminal:
    """A pseudo-terminal for this process's standard input and output."""

    master: int
    stream: Stream

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """To be called by the test itself: pytest sets the streams anew before each."""
        for name in ("stdin", "stdout", "stderr", "__stdin__", "__stdout__"):
            monkeypatch.setattr(sys, name, self.stream)

    def resize(self, columns: int, lines: int) -> None:
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def shown(self) -> str:
        """What has been written since it was read last."""
        content = self.stream.getvalue()
        self.stream.seek(0)
        self.stream.truncate()
        return content

    def modes(self) -> list[object]:
        return list(termios.tcgetattr(self.stream.fileno()))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    master, slave = os.openpty()
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    made = Terminal(master, Stream(slave))
    made.resize(80, 24)
    yield made
    os.close(slave)
    os.close(master)


def rendered(line: str, width: int = 20) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=width, height=1)
    console.print(Frame([Text(line)]), end="")
    return file.getvalue()


def test_plain_letters_are_sent_as_they_are() -> None:
    assert "│ µgpt ◆ ⣀⣤ ñ Ω ж │" in rendered("│ µgpt ◆ ⣀⣤ ñ Ω ж │")
    assert "G" not in rendered("│ anna ▰▱ │").replace("µgpt", "")


@pytest.mark.parametrize("doubtful", ["👍", "❤️", "👨‍👩‍👧", "e\u0301", "☀", "नमस्ते", "日本"])
def test_what_follows_a_doubtful_character_stands_in_its_column(doubtful: str) -> None:
    line = f"ab{doubtful}│"
    sent = rendered(line)
    column = Text(line).cell_len
    assert sent.split("│")[0].endswith(f"\x1b[{column}G")


def test_keys() -> None:
    assert keys_of(" sEdxq?") == [
        Key.PAUSE, Key.SAMPLE, Key.EVALUATE, Key.DETACH, Key.SCALE, Key.STOP, Key.HELP,
    ]  # fmt: skip
    other = (
        "z",
        "\r",
        "\x1b[A",
        "\x1b[1;5C",
        "\x1bOP",
        "\x1bs",
        "é",
        "\ufffd",
    )
    assert [keys_of(key) for key in other] == [[Key.OTHER]] * len(other)
    assert keys_of("\x1b") == [Key.BACK]
    assert keys_of("\x1b\x1b[A\x1b") == [Key.BACK, Key.OTHER, Key.BACK]


class FakeConsole:
    """The keys typed at a console of Windows, in the form of `msvcrt`."""

    def __init__(self, typed: str = "") -> None:
        self.typed = list(typed)

    def kbhit(self) -> bool:
        return bool(self.typed)

    def getwch(self) -> str:
        assert self.typed, "this would wait for a key, and all else with it"
        return self.typed.pop(0)


async def keys_at(console: FakeConsole, count: int) -> list[Key]:
    heard: asyncio.Queue[Key] = asyncio.Queue()
    keyboard = ConsoleKeyboard(each_key(heard.put_nowait), console)
    keyboard.start()
    keyboard.start()
    async with asyncio.timeout(5):
        keys = [await heard.get() for _ in range(count)]
    console.typed += "left"
    keyboard.stop()
    keyboard.stop()
    assert not console.typed
    return keys


async def test_keys_at_a_console_of_windows(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.install(monkeypatch)
    typed = "q\x00;\xe0Hs\x1b?Zé \xe0"  # F1 and an arrow among them, and a letter like its mark
    assert await keys_at(FakeConsole(typed), 9) == [
        Key.STOP, Key.OTHER, Key.OTHER, Key.SAMPLE, Key.BACK, Key.HELP, Key.OTHER, Key.OTHER,
        Key.PAUSE,
    ]  # fmt: skip


async def test_a_key_that_ends_the_listening(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.install(monkeypatch)
    console, heard = FakeConsole("qq"), asyncio.Event()

    def on_key(key: Key) -> None:
        keyboard.stop()
        heard.set()

    keyboard = ConsoleKeyboard(each_key(on_key), console)
    keyboard.start()
    async with asyncio.timeout(5):
        await heard.wait()
    assert not console.typed


async def test_no_console_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stdin__", io.StringIO())
    keyboard = ConsoleKeyboard(lambda typed: None, FakeConsole("q"))
    keyboard.start()
    keyboard.stop()


async def test_keyboard_hears_keys_and_leaves_no_trace(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.install(monkeypatch)
    before = terminal.modes()
    heard: asyncio.Queue[Key] = asyncio.Queue()
    keyboard = TerminalKeyboard(each_key(heard.put_nowait))
    keyboard.start()
    local = termios.tcgetattr(terminal.stream.fileno())[3]
    assert not local & (termios.ECHO | termios.ICANON)
    assert local & termios.ISIG
    os.write(terminal.master, b"q\x13?")  # Ctrl-S, too, is but a key
    async with asyncio.timeout(5):
        assert [await heard.get() for _ in range(3)] == [Key.STOP, Key.OTHER, Key.HELP]
    assert terminal.shown() == ""
    keyboard.stop()
    keyboard.stop()
    assert terminal.modes() == before


async def test_takeover_gives_the_screen_back(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.install(monkeypatch)
    before = terminal.modes()
    takeover = Takeover(lambda key: None)
    takeover.enter()
    entered = terminal.shown()
    assert "\x1b[?1049h" in entered
    assert "\x1b[?25l" in entered
    assert "\x1b[?7l" in entered
    takeover.paint(lambda width, height: [Text(f"{width} by {height}")])
    assert "80 by 24" in terminal.shown()
    print("a library warns", file=sys.stderr)
    print("a library prints")
    assert terminal.shown() == ""
    takeover.leave()
    takeover.leave()
    left = terminal.shown()
    assert left.count("\x1b[?1049l") == 1
    assert left.index("\x1b[?25h") < left.index("a library")
    assert left.index("\x1b[?1049l") < left.index("a library warns")
    assert "a library prints" in left
    assert "\x1b[?7h" in left
    assert terminal.modes() == before


async def test_frame_follows_the_size(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.install(monkeypatch)
    takeover = Takeover(lambda key: None)
    takeover.enter()
    try:
        for columns, lines in [(80, 24), (1, 1), (65_535, 65_535), (40, 12)]:
            terminal.resize(columns, lines)
            terminal.shown()
            sizes: list[tuple[int, int]] = []

            def render(width: int, height: int, sizes: list[tuple[int, int]] = sizes) -> list[Text]:
                sizes.append((width, height))
                return [Text("x" * width)] * height

            takeover.paint(render)
            (size,) = sizes
            assert size == (min(columns, 240), min(lines, 100))
            assert "\x1b[2J" in terminal.shown()
            takeover.paint(render)
            assert terminal.shown() == ""  # it is there already
            takeover.repaint()
            takeover.paint(render)
            assert terminal.shown() != ""
    finally:
        takeover.leave()


def test_size(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.install(monkeypatch)
    monkeypatch.setenv("COLUMNS", "0")
    assert terminal_size() == (80, 24)
    terminal.resize(0, 0)
    assert terminal_size() == (80, 24)
    monkeypatch.setenv("COLUMNS", "132")
    assert terminal_size() == (132, 24)
    for useless in ("0", "-5", "wide", "", "³", "9" * 20, "9" * 5000):
        monkeypatch.setenv("COLUMNS", useless)
        assert terminal_size() == (80, 24)
        mend_environment()
        assert "COLUMNS" not in os.environ
    monkeypatch.setenv("LINES", "50")
    mend_environment()
    assert os.environ["LINES"] == "50"
