"""The command line: a file for each command in `commands/`, thin above the library."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Entry point. Everything else is imported once a signal can do no harm."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # an interrupted import shows a traceback
    from .ending import ending

    ending.take_over()
    from .app import run_program

    status = run_program()
    ending.complete()
    sys.exit(status)
