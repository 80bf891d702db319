"""`--init microgpt` follows Karpathy's program, over every kind of port.

tests/engine/test_parity.py holds the float64 it is compared with to what microgpt.py itself gave.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import CommandLine, losses
from tests.support.devices import listening_device
from tests.support.microgpt import STEPS, original

TRAIN = ("--init", "microgpt", "--seed", "42", "--run", "R")


def check(run: Path, names: Path) -> None:
    theirs, ours = original(names), losses(run)
    assert len(ours) == STEPS
    assert np.abs(np.array(ours) - theirs.losses).max() < 1e-5
    assert (run / "samples.txt").read_text().splitlines() == theirs.names


def test_virtual_device(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    said = cli("train", names, *TRAIN)
    assert "virtual device" in said
    assert "\n".join(original(names).names) in said
    check(tmp_path / "R", names)


@pytest.mark.parametrize("form", ["pty", "socket"])
async def test_port(cli: CommandLine, tmp_path: Path, names: Path, form: str) -> None:
    async with listening_device(form, tmp_path / "flash") as port:
        cli("train", names, *TRAIN, "--port", port)
    check(tmp_path / "R", names)
