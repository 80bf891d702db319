"""The standard run against Karpathy's microgpt in float64: every loss and all twenty names.

On the project's own list of names it is computed here. On Karpathy's, if that lies beside the
repository, it is what microgpt.py itself gave.
"""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from engine_driver import Run, run_driver

from tests.support.microgpt import Original, original
from tests.support.tools import ROOT

NAMES = ROOT / "data" / "names.txt"
RECORDED = ROOT / "tests" / "data" / "microgpt.json"
SHARED = ROOT.parent / "shared"
THEIR_NAMES = SHARED / "data" / "names.txt"
THEIR_LOSSES = SHARED / "reference" / "microgpt-seed42-losses.csv"
THEIR_SAMPLES = SHARED / "reference" / "microgpt-seed42-samples.txt"

beside = pytest.mark.skipif(
    not (THEIR_NAMES.exists() and THEIR_LOSSES.exists() and THEIR_SAMPLES.exists()),
    reason="the run of microgpt.py itself is not beside the repository",
)


def test_float64_gives_what_was_recorded() -> None:
    """So that the two sides of the next test cannot drift away together."""
    recorded = json.loads(RECORDED.read_text())
    theirs = original(NAMES)
    assert theirs.losses[99::100] == pytest.approx(recorded["every 100th loss"], abs=1e-9)
    assert float(np.mean(theirs.losses)) == pytest.approx(recorded["mean loss"], abs=1e-9)
    assert theirs.names == recorded["names"]


def test_standard_run(driver: list[str]) -> None:
    check(driver, original(NAMES))


@beside
def test_float64_is_microgpt() -> None:
    theirs = original(THEIR_NAMES)
    with THEIR_LOSSES.open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert theirs.losses == pytest.approx(losses, abs=1e-9)
    assert theirs.names == THEIR_SAMPLES.read_text().split()


@beside
def test_standard_run_on_their_names(driver: list[str]) -> None:
    check(driver, original(THEIR_NAMES))


def check(driver: list[str], theirs: Original) -> None:
    """Losses within 2e-6 and the same names."""
    run = Run(
        {name: values.astype(np.float32) for name, values in theirs.weights.items()},
        theirs.documents[:1000],
    )
    trained = run_driver(driver, run)
    assert np.abs(trained.losses - theirs.losses).max() < 2e-6
    uniforms = [taken + [0.0] * (run.block_size - len(taken)) for taken in theirs.uniforms]
    drawing = replace(run, weights=trained.weights, documents=[], uniforms=uniforms)
    samples = run_driver(driver, drawing).samples
    assert [
        "".join(chr(ord("a") + token) for token in tokens) for tokens in samples
    ] == theirs.names
