"""docs/boards.md is the table of the receipts, and a receipt is what `ugpt bench` writes."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("boards", ROOT / "docs" / "boards.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["boards"] = module
    spec.loader.exec_module(module)
    return module


boards = _load()
VIRTUAL: dict[str, Any] = json.loads(
    (ROOT / "bench" / "receipts" / "virtual-esp32.json").read_text()
)
REAL = {
    **VIRTUAL,
    "virtual": False,
    "board": "esp32 | <b>",
    "clock_hz": 240_000_000,
    "tick_hz": 240_000_000,
    "chip_revision": 301,
    "flash_mode": "DIO",
    "flash_hz": 40_000_000,
    "image_sha256": "0123456789abcdef" * 4,
    "steps_per_s": 671.4,
}


def table(folder: Path, *receipts: dict[str, Any]) -> list[str]:
    for number, values in enumerate(receipts):
        (folder / f"{number}.json").write_text(json.dumps(values))
    text = boards.page(boards.read_receipts(folder))
    return [line for line in text.splitlines() if line.startswith("|")][2:]


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert boards.main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_page_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(boards, "PAGE", tmp_path / "boards.md")
    assert boards.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert boards.main([]) == 0
    assert boards.main(["--check"]) == 0


def test_real_boards_come_first_and_are_compared(tmp_path: Path) -> None:
    wrong = {**REAL, "standard_run": {"steps": 1000, "weights_sha256": "0" * 64}}
    right, other, virtual = table(tmp_path, VIRTUAL, REAL, wrong)
    assert "| same |" in right
    assert "| different |" in other
    assert "virtual" in virtual
    assert "| esp32 v3.1 | 240 MHz | DIO 40 MHz | 671 |" in right
    assert "| 01234567 |" in right
    assert "| esp32 | - | QIO 80 MHz |" in virtual
    assert f"| {sum(VIRTUAL['ticks_per_step'].values()):,} |" in right
    assert right.startswith("| [esp32  b](")  # nothing of a stranger acts in the page


@pytest.mark.parametrize("values", [{}, {**VIRTUAL, "format": 2}, {**VIRTUAL, "tick_hz": None}, []])
def test_what_is_no_receipt_is_named(tmp_path: Path, values: Any) -> None:
    if values == {**VIRTUAL, "tick_hz": None}:
        values.pop("ticks_per_step")
    (tmp_path / "odd.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"odd\.json is not a receipt"):
        boards.read_receipts(tmp_path)
