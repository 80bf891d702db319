"""The standard run against Karpathy's microgpt in float64: every loss and all twenty names."""

from __future__ import annotations

import csv
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_driver import Run, run_driver

SHARED = Path(__file__).resolve().parents[3] / "shared"
NAMES = SHARED / "data" / "names.txt"
LOSSES = SHARED / "reference" / "microgpt-seed42-losses.csv"
SAMPLES = SHARED / "reference" / "microgpt-seed42-samples.txt"

pytestmark = pytest.mark.skipif(
    not (NAMES.exists() and LOSSES.exists() and SAMPLES.exists()),
    reason="the reference run is not beside the repository",
)


def test_standard_run(driver: list[str]) -> None:
    """Losses within 1e-5 (in fact 2e-6) and the same names."""
    documents = [line.strip() for line in NAMES.read_text().splitlines() if line.strip()]
    generator = random.Random(42)
    generator.shuffle(documents)
    characters = sorted(set("".join(documents)))
    ids = {character: i for i, character in enumerate(characters)}

    run = Run({}, [[ids[c] for c in document] for document in documents[:1000]])
    weights = {
        name: np.array(
            [[generator.gauss(0, 0.08) for _ in range(cols)] for _ in range(rows)], dtype=np.float32
        )
        for name, (rows, cols) in run.shapes().items()
    }
    result = run_driver(driver, replace(run, weights=weights))
    with LOSSES.open() as file:
        expected = np.array([float(row["loss"]) for row in csv.DictReader(file)])
    assert np.abs(result.losses - expected).max() < 2e-6

    # Each name uses as many uniforms as it draws tokens, so their places follow from the names.
    names = SAMPLES.read_text().split()
    uniforms = []
    for name in names:
        drawn = min(len(name) + 1, run.block_size)
        taken = [generator.random() for _ in range(drawn)]
        uniforms.append(taken + [0.0] * (run.block_size - drawn))
    sampled = run_driver(driver, replace(run, weights=result.weights, documents=[],
                                         uniforms=uniforms))  # fmt: skip
    assert ["".join(characters[token] for token in s) for s in sampled.samples] == names
