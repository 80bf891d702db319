"""Batches, schedules, weight decay, clipping and evaluation against float64; packed moments and
recomputed activations against the default."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from engine_driver import Run, Tensors, run_driver
from engine_reference import Parameters, loss_and_gradients

VOCABULARY = 9
BLOCK_SIZE = 8
LAYERS = 2
HEADS = 2


def _documents(count: int) -> list[list[int]]:
    random = np.random.default_rng(7)
    return [
        [int(token) for token in random.integers(0, VOCABULARY - 1, random.integers(1, 10))][
            :BLOCK_SIZE
        ]
        for _ in range(count)
    ]


def _run(documents: int) -> Run:
    base = Run(
        None,
        _documents(documents),
        n_layer=LAYERS,
        n_embd=8,
        n_head=HEADS,
        block_size=BLOCK_SIZE,
        vocab_size=VOCABULARY,
        total_steps=20,
        learning_rate=0.003,
        beta1=0.9,
        beta2=0.95,
        epsilon=1e-6,
    )
    random = np.random.default_rng(3)
    weights = {
        name: random.normal(0.0, 0.3, size).astype(np.float32)
        for name, size in base.shapes().items()
    }
    return replace(base, weights=weights)


def _loss_and_gradients(weights: Parameters, document: list[int]) -> tuple[float, Parameters]:
    tokens = [VOCABULARY - 1, *document, VOCABULARY - 1][: BLOCK_SIZE + 1]
    return loss_and_gradients(weights, LAYERS, HEADS, tokens)


def _rate(run: Run, step: int) -> float:
    if step < run.warmup_steps:
        return run.learning_rate * (step + 1) / run.warmup_steps
    if run.schedule == "constant":
        return run.learning_rate
    if step >= run.total_steps:
        return 0.0
    done = (step - run.warmup_steps) / (run.total_steps - run.warmup_steps)
    if run.schedule == "cosine":
        return run.learning_rate * (1.0 + math.cos(math.pi * done)) / 2.0
    return run.learning_rate * (1.0 - done)


def _train(run: Run) -> tuple[list[float], Parameters]:
    """The losses and the final weights of a run in float64."""
    assert run.weights is not None
    weights = {name: value.astype(np.float64) for name, value in run.weights.items()}
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    losses = []
    for step in range(len(run.documents) // run.batch):
        batch = run.documents[step * run.batch : (step + 1) * run.batch]
        results = [_loss_and_gradients(weights, document) for document in batch]
        losses.append(float(np.mean([loss for loss, _ in results])))
        mean = {name: np.mean([g[name] for _, g in results], axis=0) for name in weights}
        norm = math.sqrt(sum(float(np.sum(gradient**2)) for gradient in mean.values()))
        if run.clip_norm and norm > run.clip_norm:
            mean = {name: gradient * (run.clip_norm / norm) for name, gradient in mean.items()}
        rate = _rate(run, step)
        for name, gradient in mean.items():
            first[name] = run.beta1 * first[name] + (1.0 - run.beta1) * gradient
            second[name] = run.beta2 * second[name] + (1.0 - run.beta2) * gradient**2
            m = first[name] / (1.0 - run.beta1 ** (step + 1))
            v = second[name] / (1.0 - run.beta2 ** (step + 1))
            kept = weights[name] * (1.0 - rate * run.weight_decay)
            weights[name] = kept - rate * m / (np.sqrt(v) + run.epsilon)
    return losses, weights


@pytest.mark.parametrize(
    "changes",
    [
        {"batch": 3},
        {"clip_norm": 0.5},
        {"clip_norm": 100.0},
        {"batch": 2, "clip_norm": 0.3},
        {"weight_decay": 0.5},
        {"schedule": "cosine"},
        {"schedule": "constant"},
        {"warmup_steps": 4},
        {
            "schedule": "cosine",
            "warmup_steps": 3,
            "batch": 2,
            "weight_decay": 0.1,
            "clip_norm": 1.0,
        },
    ],
    ids=str,
)
def test_recipes_follow_float64(driver: list[str], changes: dict[str, float | str]) -> None:
    run = replace(_run(24), **changes)  # type: ignore[arg-type]
    result = run_driver(driver, run)
    losses, weights = _train(run)
    assert np.abs(result.losses - losses).max() < 1e-5
    for name, expected in weights.items():
        assert np.abs(result.weights[name] - expected).max() < 1e-5, name


def test_the_rate_reaches_zero_and_stays_there(driver: list[str]) -> None:
    for schedule in ("linear", "cosine"):
        run = replace(_run(7), schedule=schedule, total_steps=5, warmup_steps=1)
        five = run_driver(driver, replace(run, documents=run.documents[:5]))
        seven = run_driver(driver, run)
        for name, weights in five.weights.items():
            assert np.array_equal(weights, seven.weights[name]), name


def test_clipping_that_never_clips_changes_nothing(driver: list[str]) -> None:
    run = _run(12)
    plain = run_driver(driver, run)
    clipped = run_driver(driver, replace(run, clip_norm=1e6))
    _assert_same(plain.weights, clipped.weights)
    assert np.array_equal(plain.losses, clipped.losses)


def test_evaluation_is_the_loss_and_changes_nothing(driver: list[str]) -> None:
    run = _run(6)
    held_out = _documents(10)[6:]
    plain = run_driver(driver, run)
    evaluated = run_driver(driver, replace(run, held_out=held_out))
    _assert_same(plain.weights, evaluated.weights)
    weights = {name: value.astype(np.float64) for name, value in plain.weights.items()}
    for loss, document in zip(evaluated.held_out_losses, held_out, strict=True):
        assert abs(float(loss) - _loss_and_gradients(weights, document)[0]) < 1e-5


def test_recomputation_gives_the_same_bits(driver: list[str]) -> None:
    uniforms = [[0.1 * i + 0.05 * k for k in range(BLOCK_SIZE)] for i in range(5)]
    run = replace(_run(12), uniforms=uniforms, n_layer=3, weights=None)
    plain = run_driver(driver, run)
    recomputed = run_driver(driver, replace(run, recompute=True))
    _assert_same(plain.weights, recomputed.weights)
    assert np.array_equal(plain.losses, recomputed.losses)
    assert plain.samples == recomputed.samples


@pytest.mark.parametrize("moments", ["bf16", "q8"])
@pytest.mark.parametrize("n_embd", [8, 14])
def test_packed_moments_are_near_the_exact_ones(
    driver: list[str], moments: str, n_embd: int
) -> None:
    """One step's moments are the gradient and its square, rounded up or down by at most one unit
    of the last place kept; nothing that is not tiny becomes zero."""
    run = replace(_run(1), n_embd=n_embd, weights=None)
    exact = run_driver(driver, run)
    packed = run_driver(driver, replace(run, moments=moments))
    _assert_same(exact.weights, packed.weights)  # the step itself uses what was not rounded yet
    first_unit, second_unit = (2**-7, 2**-7) if moments == "bf16" else (2**-3, 2**-4)
    for name in run.shapes():
        for got, wanted, unit in (
            (packed.first_moments[name], exact.first_moments[name], first_unit),
            (packed.second_moments[name], exact.second_moments[name], second_unit),
        ):
            floor = np.abs(wanted).max() * 2.0**-14
            large = np.abs(wanted) > floor
            assert np.all(np.abs(got - wanted)[large] <= unit * np.abs(wanted)[large]), name
            assert np.all(np.abs(got)[~large] <= 2.0 * floor), name
        second = exact.second_moments[name]
        assert np.all((packed.second_moments[name] > 0.0) == (second >= 2.0**-100)), name


@pytest.mark.parametrize("moments", ["bf16", "q8"])
def test_packed_moments_train_as_well(driver: list[str], moments: str) -> None:
    """The mean loss of the last steps is close to that with exact moments."""
    documents = [[(3 * i + k) % 8 for k in range(7)] for i in range(400)]
    run = replace(_run(1), documents=documents, total_steps=400, learning_rate=0.01, beta2=0.99)
    exact = run_driver(driver, run)
    packed = run_driver(driver, replace(run, moments=moments))
    assert exact.losses[-50:].mean() < 0.6 * exact.losses[:50].mean()
    assert abs(packed.losses[-50:].mean() - exact.losses[-50:].mean()) < 0.02


def test_rounding_up_and_down_is_balanced(driver: list[str]) -> None:
    """With a decay of one in a thousand, moments rounded to the nearest would stand still."""
    run = replace(
        _run(0), documents=[[0, 1, 2]] + [[]] * 300, beta2=0.999, learning_rate=0.0, moments="bf16"
    )
    runs = [replace(run, documents=run.documents[:n]) for n in (1, 151, 301)]
    sums = [
        float(run_driver(driver, each).second_moments["wte"][[0, 1]].astype(np.float64).sum())
        for each in runs
    ]
    for before, after in pairwise(sums):
        assert after / before == pytest.approx(0.999**150, rel=0.02)


def _assert_same(one: Tensors, other: Tensors) -> None:
    for name, values in one.items():
        assert np.array_equal(values, other[name]), name
