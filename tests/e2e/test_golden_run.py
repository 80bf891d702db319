"""The installed program trains the standard run to the bits that every build of the engine gives.

tests/engine/test_golden_digest.py holds the compilers and processors to the same file.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from tests.support.commands import CommandLine, digest, losses

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "golden.json").read_text())


def test_standard_run(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    golden = GOLDEN["standard"]
    cli("train", names, "--run", "R")
    assert len(losses(tmp_path / "R")) == golden["steps"]
    assert digest(tmp_path / "R") == golden["weights_sha256"]
    values = np.array(losses(tmp_path / "R"), "<f4").tobytes()
    assert hashlib.sha256(values).hexdigest() == golden["losses_sha256"]


def test_other_shape(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    golden = GOLDEN["two layers"]
    shape = [
        option
        for name, value in golden["shape"].items()
        if name != "vocab_size"
        for option in (f"--{name.replace('_', '-')}", str(value))
    ]
    cli("train", names, "--run", "R", "--steps", str(golden["steps"]), *shape)
    assert digest(tmp_path / "R") == golden["weights_sha256"]
