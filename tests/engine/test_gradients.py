"""Every gradient of the engine against float64, one parameter matrix at a time.

After the first step from zero moments the first moment is the gradient itself, and the second one
its square.
"""

from __future__ import annotations

import numpy as np
import pytest
from engine_driver import Run, run_driver
from engine_reference import loss_and_gradients, parameter_shapes

# n_layer, n_embd, n_head, block_size, vocab_size
SHAPES = [
    (1, 16, 4, 16, 27),
    (1, 16, 1, 16, 27),
    (1, 8, 2, 4, 5),
    (2, 12, 2, 9, 30),
    (2, 16, 4, 13, 27),
    (3, 10, 1, 6, 11),
    (1, 20, 4, 24, 90),
    (2, 6, 2, 16, 7),
]


def _run(shape: tuple[int, int, int, int, int], length: int) -> Run:
    n_layer, n_embd, n_head, block_size, vocab_size = shape
    random = np.random.default_rng(length)
    weights = {
        name: random.normal(0.0, 0.4, size).astype(np.float32)
        for name, size in parameter_shapes(n_layer, n_embd, block_size, vocab_size).items()
    }
    document = [int(token) for token in random.integers(0, vocab_size - 1, length)]
    return Run(
        weights, [document], n_layer=n_layer, n_embd=n_embd, n_head=n_head,
        block_size=block_size, vocab_size=vocab_size,
    )  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("length", ["empty", "short", "full"])
def test_gradients(driver: list[str], shape: tuple[int, int, int, int, int], length: str) -> None:
    block_size = shape[3]
    run = _run(shape, {"empty": 0, "short": block_size // 2, "full": block_size}[length])
    result = run_driver(driver, run)

    bos = run.vocab_size - 1
    positions = min(block_size, len(run.documents[0]) + 1)
    tokens = [bos, *run.documents[0], bos][: positions + 1]
    assert run.weights is not None
    exact = {name: value.astype(np.float64) for name, value in run.weights.items()}
    loss, gradients = loss_and_gradients(exact, run.n_layer, run.n_head, tokens)

    assert abs(float(result.losses[0]) - loss) < 2e-6 * max(1.0, loss)
    for name, expected in gradients.items():
        actual = result.first_moments[name].astype(np.float64)
        largest = np.abs(expected).max()
        error = np.abs(actual - expected).max()
        assert error <= 1e-5 * largest + 1e-9, f"{name}: {error} of {largest}"
        squares = (result.first_moments[name] * result.first_moments[name]).astype(np.float32)
        assert np.array_equal(result.second_moments[name], squares), name


def test_first_step_moves_against_the_gradient(driver: list[str]) -> None:
    """Adam's first step is lr * g / (|g| + eps), whatever the gradient's size."""
    run = _run(SHAPES[0], 9)
    result = run_driver(driver, run)
    assert run.weights is not None
    for name, weights in run.weights.items():
        gradient = result.first_moments[name].astype(np.float64)
        step = run.learning_rate * gradient / (np.abs(gradient) + run.epsilon)
        moved = result.weights[name].astype(np.float64) - weights
        assert np.abs(moved + step).max() < 2e-7, name


def test_several_steps_follow_adam(driver: list[str]) -> None:
    """Ten steps with unusual settings against float64."""
    base = _run((2, 8, 2, 8, 9), 8)
    random = np.random.default_rng(1)
    documents = [
        [int(token) for token in random.integers(0, 8, random.integers(0, 9))] for _ in range(10)
    ]
    run = Run(
        base.weights, documents, n_layer=2, n_embd=8, n_head=2, block_size=8, vocab_size=9,
        total_steps=12, learning_rate=0.003, beta1=0.9, beta2=0.95, epsilon=1e-5,
    )  # fmt: skip
    result = run_driver(driver, run)

    assert run.weights is not None
    weights = {name: value.astype(np.float64) for name, value in run.weights.items()}
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    for step, document in enumerate(documents):
        tokens = [8, *document, 8][:9]
        loss, gradients = loss_and_gradients(weights, 2, 2, tokens)
        assert abs(float(result.losses[step]) - loss) < 1e-5
        rate = run.learning_rate * (1.0 - step / run.total_steps)
        for name, gradient in gradients.items():
            first[name] = run.beta1 * first[name] + (1.0 - run.beta1) * gradient
            second[name] = run.beta2 * second[name] + (1.0 - run.beta2) * gradient**2
            mean = first[name] / (1.0 - run.beta1 ** (step + 1))
            spread = second[name] / (1.0 - run.beta2 ** (step + 1))
            weights[name] = weights[name] - rate * mean / (np.sqrt(spread) + run.epsilon)
    for name, expected in weights.items():
        assert np.abs(result.weights[name] - expected).max() < 1e-5, name
