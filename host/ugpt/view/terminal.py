"""Takes over the terminal as a whole, and always gives it back."""

from __future__ import annotations

import atexit
import io
import sys
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import ControlType, Segment
from rich.text import Text

from .capability import terminal_size
from .cleaning import printable_lines
from .dashboard import HEIGHT_MAX, WIDTH_MAX
from .keyboard import Key, each_key, open_keyboard
from .output import Output
from .streams import OutputLost

_KEPT_WRITES = 200

_WRAP_OFF, _WRAP_ON = "\x1b[?7l", "\x1b[?7h"
_CLEAR = "\x1b[2J"
_BEGIN_FRAME, _END_FRAME = "\x1b[?2026h", "\x1b[?2026l"


class Frame:
    """Lines for the whole screen, in which every column is where it should be.

    Terminals disagree about the width of emoji and of combined characters. Around such a run the
    cursor is told where it is, so that whatever follows stands in its column.
    """

    def __init__(self, lines: Sequence[Text]) -> None:
        self.lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _control(_BEGIN_FRAME)
        for number, line in enumerate(self.lines):
            if number:
                yield Segment.line()
            yield from _placed(line.render(console, end=""))
        yield _control(_END_FRAME)


def _placed(segments: Iterable[Segment]) -> Iterator[Segment]:
    column = 0
    for segment in segments:
        for doubtful, characters in groupby(segment.text, _is_doubtful):
            text = "".join(characters)
            width = cell_len(text)
            if doubtful:
                yield Segment(" " * width, segment.style)
                yield _control(f"\x1b[{column + 1}G")
                # Its width counts already: the blanks have taken the place.
                yield Segment(text, segment.style, [(ControlType.HOME,)])
                yield _control(f"\x1b[{column + width + 1}G")
            else:
                yield Segment(text, segment.style)
            column += width


def _is_doubtful(character: str) -> bool:
    """Whether a terminal might give it another width than rich does."""
    if character < "\u0300" or "\u2500" <= character <= "\u28ff":
        # Letters, and what the frame itself is drawn with; of the emoji between only the
        # signs that this program uses are certain.
        return "\u2600" <= character <= "\u27bf"
    return not (cell_len(character) == 1 and unicodedata.category(character)[0] in "LNP")


def _control(code: str) -> Segment:
    return Segment(code, None, [(ControlType.HOME,)])


class Takeover:
    """The alternate screen and the keyboard, from `enter` to `leave`; both may be repeated.

    What libraries write meanwhile is kept, and given out afterwards.
    """

    def __init__(self, on_key: Callable[[Key], None]) -> None:
        self.console = Output(file=sys.stdout, force_interactive=True, force_jupyter=False)
        self._keyboard = open_keyboard(each_key(on_key))
        self._live: Live | None = None
        self._size = (0, 0)
        self._painted: list[Text] = []
        self._writes = _KeptWrites()

    @property
    def entered(self) -> bool:
        return self._live is not None

    def enter(self) -> None:
        if self._live is not None:
            self._keyboard.start()  # a shell may have been here
            return
        atexit.register(self.leave)
        self._writes.divert()
        self._live = Live(
            console=self.console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        self._write(_WRAP_OFF)
        self._size = (0, 0)
        self._keyboard.start()

    def leave(self) -> None:
        if self._live is None:
            return
        live, self._live = self._live, None
        self._keyboard.stop()
        try:
            self._write(_WRAP_ON)
            live.stop()
        except (OSError, OutputLost):
            pass  # the terminal is gone
        finally:
            self._writes.restore()
            atexit.unregister(self.leave)

    def paint(self, render: Callable[[int, int], list[Text]]) -> None:
        """Shows what `render` makes of the columns and lines there are, if it is new."""
        if self._live is None:
            return
        columns, lines = terminal_size()
        # A line of the terminal more than the frame has would be filled with blanks.
        size = min(columns, WIDTH_MAX), min(lines, HEIGHT_MAX)
        frame = render(*size)
        if (columns, lines) != self._size:
            self._size = (columns, lines)
            self._write(_CLEAR)
        elif frame == self._painted:
            return
        self._painted = frame
        self.console.size = size
        self._live.update(Frame(frame), refresh=True)

    def repaint(self) -> None:
        """Forgets what was painted: something else may have written on the screen."""
        self._size = (0, 0)

    def _write(self, text: str) -> None:
        self.console.file.write(text)
        self.console.file.flush()


class _KeptWrites(io.TextIOBase):
    """Takes the place of standard output and error."""

    def __init__(self) -> None:
        self._kept: deque[str] = deque(maxlen=_KEPT_WRITES)
        self._replaced = (sys.stdout, sys.stderr)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._kept.append(text)
        return len(text)

    def divert(self) -> None:
        self._replaced = (sys.stdout, sys.stderr)
        sys.stdout = sys.stderr = self

    def restore(self) -> None:
        sys.stdout, sys.stderr = self._replaced
        if self._kept and sys.stderr is not None:
            kept = "".join(self._kept)
            sys.stderr.write(printable_lines(kept) if sys.stderr.isatty() else kept)
            self._kept.clear()
