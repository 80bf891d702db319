"""Runs the engine's test driver (driver.cpp): NumPy arrays in, NumPy arrays out."""

import struct
import subprocess
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from engine_reference import parameter_shapes

Floats = npt.NDArray[np.float32]
Tensors = dict[str, Floats]

_MODELS_CHOICE = 0xFFFFFFFF


@dataclass(frozen=True)
class Run:
    """What the driver is asked to do."""

    weights: Tensors | None
    """None: the engine draws them from `seed`."""
    documents: list[list[int]]
    n_layer: int = 1
    n_embd: int = 16
    n_head: int = 4
    block_size: int = 16
    vocab_size: int = 27
    total_steps: int = 1000
    learning_rate: float = 0.01
    beta1: float = 0.85
    beta2: float = 0.99
    epsilon: float = 1e-8
    batch: int = 1
    schedule: str = "linear"
    moments: str = "f32"
    recompute: bool = False
    warmup_steps: int = 0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    held_out: list[list[int]] = field(default_factory=list)
    temperature: float = 0.5
    uniforms: list[list[float]] = field(default_factory=list)
    kernels: int | None = None
    """Which of those the driver lists; None: the ones the model chooses."""
    seed: int = 42
    deviation: float = 0.08

    def shapes(self) -> dict[str, tuple[int, int]]:
        """The parameter matrices in canonical order."""
        return parameter_shapes(self.n_layer, self.n_embd, self.block_size, self.vocab_size)


@dataclass(frozen=True)
class Result:
    """What came of it."""

    losses: Floats
    weights: Tensors
    first_moments: Tensors
    second_moments: Tensors
    held_out_losses: Floats
    samples: list[list[int]]


def run_driver(command: list[str], run: Run) -> Result:
    """Runs `command` (the driver, perhaps under an emulator)."""
    parts = [
        struct.pack(
            "<16I8f",
            run.n_layer,
            run.n_embd,
            run.n_head,
            run.block_size,
            run.vocab_size,
            run.total_steps,
            run.batch,
            ("linear", "cosine", "constant").index(run.schedule),
            ("f32", "bf16", "q8").index(run.moments),
            run.recompute,
            run.warmup_steps,
            len(run.documents),
            len(run.held_out),
            len(run.uniforms),
            _MODELS_CHOICE if run.kernels is None else run.kernels,
            run.seed,
            run.learning_rate,
            run.beta1,
            run.beta2,
            run.epsilon,
            run.weight_decay,
            run.clip_norm,
            run.temperature,
            run.deviation if run.weights is None else 0.0,
        )
    ]
    shapes = run.shapes()
    if run.weights is not None:
        parts += [run.weights[name].astype("<f4").tobytes() for name in shapes]
    for document in run.documents + run.held_out:
        parts.append(struct.pack(f"<I{len(document)}I", len(document), *document))
    for uniforms in run.uniforms:
        parts.append(struct.pack(f"<{run.block_size}f", *uniforms))
    done = subprocess.run(command, input=b"".join(parts), capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    return _parse(done.stdout, run, shapes)


def _parse(output: bytes, run: Run, shapes: dict[str, tuple[int, int]]) -> Result:
    place = 0

    def floats(count: int) -> Floats:
        nonlocal place
        values = np.frombuffer(output, "<f4", count, place)
        place += 4 * count
        return values

    def integers(count: int) -> list[int]:
        nonlocal place
        values = np.frombuffer(output, "<u4", count, place)
        place += 4 * count
        return [int(value) for value in values]

    def tensors() -> Tensors:
        return {name: floats(r * c).reshape(r, c) for name, (r, c) in shapes.items()}

    losses = floats(len(run.documents) // run.batch)
    weights, first, second = tensors(), tensors(), tensors()
    held_out_losses = floats(len(run.held_out))
    samples = [integers(integers(1)[0]) for _ in run.uniforms]
    assert place == len(output)
    return Result(losses, weights, first, second, held_out_losses, samples)
