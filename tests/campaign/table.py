"""What a campaign found, as a table of docs/reliability.md."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .trials import Kind, Outcome

BEGIN, END = "<!-- table of the campaign -->", "<!-- end of table -->"
_HEAD = (
    "| what is done to a run | runs | finished | other bits | lost a saved step | other faults |"
)


@dataclass(frozen=True)
class Row:
    """All trials of one kind."""

    kind: Kind
    outcomes: Sequence[Outcome]

    @property
    def is_right(self) -> bool:
        return all(outcome.is_right for outcome in self.outcomes)

    def markdown(self) -> str:
        counts = (
            len(self.outcomes),
            sum(outcome.finished for outcome in self.outcomes),
            sum(outcome.other_bits for outcome in self.outcomes),
            sum(outcome.lost for outcome in self.outcomes),
            sum(bool(outcome.faults) and outcome.finished for outcome in self.outcomes),
        )
        return f"| {self.kind.title} | {' | '.join(f'{number:,}' for number in counts)} |"


def markdown(rows: Sequence[Row], seed: int, duration_s: float) -> str:
    """The table, and below it what it ran on."""
    lines = [_HEAD, f"|{' --- |' * _HEAD[1:].count('|')}", *(row.markdown() for row in rows)]
    ran = (
        f"Ran on {datetime.date.today().isoformat()} for {duration_s / 60:.0f} minutes with "
        f"`--seed {seed}`: {computer()}, virtual devices."
    )
    return "\n".join([*lines, "", ran])


def computer() -> str:
    return (
        f"{os.cpu_count()} cores of {_processor()}, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "an unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "an unknown processor"


def write(page: Path, table: str) -> None:
    """Puts a table in the place of the one on the page."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks {BEGIN} or {END}")
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")
