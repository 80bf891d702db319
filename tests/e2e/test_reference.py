"""`--init microgpt` follows Karpathy's program, over every kind of port."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import CommandLine, losses
from tests.support.devices import listening_device

SHARED = Path(__file__).parents[3] / "shared"
NAMES = SHARED / "data" / "names.txt"
LOSSES = SHARED / "reference" / "microgpt-seed42-losses.csv"
SAMPLES = SHARED / "reference" / "microgpt-seed42-samples.txt"

pytestmark = pytest.mark.skipif(
    not (NAMES.exists() and LOSSES.exists() and SAMPLES.exists()),
    reason="the losses and names of microgpt.py are not beside this repository",
)


def check(run: Path) -> None:
    with LOSSES.open() as file:
        expected = [float(row["loss"]) for row in csv.DictReader(file)]
    ours = losses(run)
    assert len(ours) == len(expected) == 1000
    assert np.abs(np.array(ours) - expected).max() < 1e-5
    assert (run / "samples.txt").read_text() == SAMPLES.read_text()


def test_virtual_device(cli: CommandLine, tmp_path: Path) -> None:
    said = cli("train", NAMES, "--init", "microgpt", "--seed", "42", "--run", "R")
    assert "virtual device" in said
    assert SAMPLES.read_text() in said
    check(tmp_path / "R")


@pytest.mark.parametrize("form", ["pty", "socket"])
async def test_port(cli: CommandLine, tmp_path: Path, form: str) -> None:
    async with listening_device(form, tmp_path / "flash") as port:
        cli("train", NAMES, "--init", "microgpt", "--seed", "42", "--run", "R", "--port", port)
    check(tmp_path / "R")
