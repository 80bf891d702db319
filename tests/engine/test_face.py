"""The engine's face shows nothing of what is behind it."""

from __future__ import annotations

import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "device" / "src"
SHOWN = {
    "engine/engine.h",
    "engine/train.h",
    "engine/infer.h",
    "engine/arena.h",
    "engine/config.h",
    "engine/cost.h",
    "engine/phase.h",
    "engine/placement.h",
    "engine/numeric/self_test.h",
    "engine/team.h",
    "engine/token_cost.h",
    "engine/tokenizer.h",
    "engine/words.h",
}


def included_by(header: str, found: set[str]) -> set[str]:
    """The project's headers that `header` pulls in, itself included."""
    if header not in found:
        found.add(header)
        text = (SOURCE / header).read_text()
        for name in re.findall(r'^#include "(.+)"', text, re.MULTILINE):
            included_by(name, found)
    return found


def test_engine_h_pulls_in_values_only() -> None:
    assert included_by("engine/engine.h", set()) == SHOWN
