"""The golden runs of tests/data/golden.json and the bits they must end with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from engine_driver import Run, run_driver

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = json.loads((ROOT / "tests" / "data" / "golden.json").read_text())


@dataclass(frozen=True)
class Digests:
    """SHA-256 of little-endian float32 values, tensors in canonical order."""

    weights_sha256: str
    losses_sha256: str


def train(
    command: list[str], documents: list[list[int]], name: str, kernels: int | None
) -> Digests:
    """Trains the run `name` of the golden ones."""
    golden = GOLDEN[name]
    steps, recipe = golden["steps"], golden.get("recipe", {})
    trained = documents[: steps * recipe.get("batch", 1)]
    run = Run(None, trained, total_steps=steps, kernels=kernels, **golden["shape"], **recipe)
    result = run_driver(command, run)
    weights = b"".join(values.tobytes() for values in result.weights.values())
    return Digests(
        hashlib.sha256(weights).hexdigest(), hashlib.sha256(result.losses.tobytes()).hexdigest()
    )


def check(command: list[str], documents: list[list[int]], name: str, kernels: int | None) -> None:
    golden = GOLDEN[name]
    found = train(command, documents, name, kernels)
    assert found == Digests(golden["weights_sha256"], golden["losses_sha256"])
