"""The table of docs/boards.md, from the receipts in bench/receipts.

    python docs/boards.py            writes docs/boards.md
    python docs/boards.py --check    says whether it is stale

`ugpt bench --receipt FILE` makes a receipt.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RECEIPTS = ROOT / "bench" / "receipts"
PAGE = ROOT / "docs" / "boards.md"
PHASES = ("embedding", "attention", "mlp", "loss", "adam")
FORMAT = 1
_NANOSECONDS = 1_000_000_000
_IMAGE_DIGITS = 8

_TOP = """\
# Boards

What people have measured with `ugpt bench --receipt FILE`: the standard model of 4,192 parameters,
a document a step. Each row is a file in [bench/receipts](../bench/receipts). A receipt holds the
speeds, the cycles of each phase, the versions, how the flash is read, and a digest of the weights
after 1,000 steps, which is the same on every board: "same" means that the board computed the
expected weights. "image" is how the digest of the firmware's ELF file begins.
Nothing in a receipt names its owner.

To add a board, open an issue with the form "A board that works, or does not", and paste the file.
This page is written by `docs/boards.py`.

"""
_NO_BOARD = """
No board has been measured yet. The virtual device is the firmware compiled for a computer.
"""


@dataclass(frozen=True)
class Receipt:
    """A file of bench/receipts."""

    name: str
    values: dict[str, Any]

    @property
    def digest(self) -> str:
        return str(self.values["standard_run"]["weights_sha256"])


def read_receipts(folder: Path = RECEIPTS) -> list[Receipt]:
    """In the order of their names, real boards first. Raises ValueError naming one that is none."""
    found = [_read(file) for file in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda receipt: bool(receipt.values["virtual"]))


def page(receipts: list[Receipt]) -> str:
    """The whole page."""
    header = ("board", "chip", "clock", "flash", "steps/s", "tokens/s", "sampled tokens/s")
    columns = (*header, "cycles a step", *PHASES, "weights", "firmware", "image", "date")
    lines = [_line(columns), _line(["---"] * len(columns))]
    right = next((receipt.digest for receipt in receipts if receipt.values["virtual"]), "")
    lines += [_line(_row(receipt, right)) for receipt in receipts]
    remark = "" if any(not receipt.values["virtual"] for receipt in receipts) else _NO_BOARD
    return _TOP + "\n".join(lines) + "\n" + remark


def _read(file: Path) -> Receipt:
    try:
        receipt = Receipt(file.name, json.loads(file.read_text("utf-8")))
        if receipt.values["format"] != FORMAT:
            raise ValueError(f"format {receipt.values['format']} is not {FORMAT}")
        _row(receipt, "")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{file.name} is not a receipt: {error!r}") from None
    return receipt


def _row(receipt: Receipt, right: str) -> list[str]:
    values = receipt.values
    ticks = values["ticks_per_step"]
    total = sum(ticks[name] for name in PHASES)
    # A device whose counter is a clock of nanoseconds counts no cycles.
    cycles = "-" if values["tick_hz"] == _NANOSECONDS else f"{total:,}"
    clock = f"{values['clock_hz'] / 1e6:.0f} MHz" if values["clock_hz"] else "-"
    virtual = "virtual, " if values["virtual"] else ""
    return [
        f"[{virtual}{_plain(values['board'])}](../bench/receipts/{receipt.name})",
        _plain(values["chip"] + _revision(values["chip_revision"])),
        clock,
        _plain(_flash(values)),
        f"{values['steps_per_s']:,.0f}",
        f"{values['tokens_per_s']:,.0f}",
        f"{values['sampled_tokens_per_s']:,.0f}",
        cycles,
        *(f"{ticks[name] / total:.0%}" for name in PHASES),
        "same" if receipt.digest == right else "different",
        _plain(values["firmware"]),
        _plain(values["image_sha256"])[:_IMAGE_DIGITS] or "-",
        _plain(values["date"]),
    ]


def _revision(number: int | None) -> str:
    return "" if number is None else f" v{number // 100}.{number % 100}"


def _flash(values: dict[str, Any]) -> str:
    mode, hz = values["flash_mode"], values["flash_hz"]
    return f"{mode} {hz / 1e6:.0f} MHz" if mode and hz else "-"


def _plain(text: object) -> str:
    """A receipt comes from a stranger: nothing in it acts in the page."""
    return "".join(each for each in str(text) if each.isalnum() or each in " .-_+:")


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    wanted = page(read_receipts())
    if "--check" in arguments:
        stale = not PAGE.exists() or PAGE.read_text("utf-8") != wanted
        if stale:
            print("docs/boards.md is stale: python docs/boards.py", file=sys.stderr)
        return int(stale)
    PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
