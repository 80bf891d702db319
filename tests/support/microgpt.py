"""Karpathy's microgpt.py in float64: every loss of a run and the names that it draws at its end."""

from __future__ import annotations

import bisect
import functools
import itertools
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.engine.engine_reference import (
    Parameters,
    loss_and_gradients,
    next_logits,
    parameter_shapes,
)

N_LAYER, N_EMBD, N_HEAD, BLOCK_SIZE = 1, 16, 4, 16
STEPS = 1000
NAMES = 20
SEED = 42
TEMPERATURE = 0.5
LEARNING_RATE, BETA1, BETA2, EPSILON = 0.01, 0.85, 0.99, 1e-8


@dataclass(frozen=True)
class Original:
    """What microgpt.py draws, computes and prints."""

    documents: list[list[int]]
    """As tokens, in the order of training."""
    weights: Parameters
    """Before the first step."""
    losses: list[float]
    names: list[str]
    uniforms: list[list[float]]
    """Those that each name took."""


@functools.cache
def original(path: Path) -> Original:
    """Runs it on a file of one document a line; takes a second or two."""
    texts = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    characters = sorted(set("".join(texts)))
    ids = {character: token for token, character in enumerate(characters)}
    bos = len(characters)
    generator = random.Random(SEED)
    generator.shuffle(texts)
    documents = [[ids[character] for character in text] for text in texts]
    weights = {
        name: np.array([[generator.gauss(0, 0.08) for _ in range(columns)] for _ in range(rows)])
        for name, (rows, columns) in parameter_shapes(N_LAYER, N_EMBD, BLOCK_SIZE, bos + 1).items()
    }
    losses, trained = _train(weights, documents, bos)
    drawn = [_draw(trained, bos, generator) for _ in range(NAMES)]
    names = ["".join(characters[token] for token in tokens) for tokens, _ in drawn]
    return Original(documents, weights, losses, names, [uniforms for _, uniforms in drawn])


def _train(
    weights: Parameters, documents: list[list[int]], bos: int
) -> tuple[list[float], Parameters]:
    first = {name: np.zeros_like(values) for name, values in weights.items()}
    second = {name: np.zeros_like(values) for name, values in weights.items()}
    losses = []
    for step in range(STEPS):
        document = documents[step % len(documents)]
        tokens = [bos, *document, bos][: BLOCK_SIZE + 1]
        loss, gradients = loss_and_gradients(weights, N_LAYER, N_HEAD, tokens)
        losses.append(loss)
        rate = LEARNING_RATE * (1.0 - step / STEPS)
        moved = {}
        for name, gradient in gradients.items():
            first[name] = BETA1 * first[name] + (1.0 - BETA1) * gradient
            second[name] = BETA2 * second[name] + (1.0 - BETA2) * gradient**2
            mean = first[name] / (1.0 - BETA1 ** (step + 1))
            spread = second[name] / (1.0 - BETA2 ** (step + 1))
            moved[name] = weights[name] - rate * mean / (np.sqrt(spread) + EPSILON)
        weights = moved
    return losses, weights


def _draw(weights: Parameters, bos: int, generator: random.Random) -> tuple[list[int], list[float]]:
    """One text and the uniforms it took, as random.choices takes them."""
    tokens: list[int] = []
    uniforms: list[float] = []
    while len(tokens) < BLOCK_SIZE:
        logits = next_logits(weights, N_LAYER, N_HEAD, [bos, *tokens]) / TEMPERATURE
        powers = np.exp(logits - logits.max())
        sums = list(itertools.accumulate(float(power) for power in powers / powers.sum()))
        uniforms.append(generator.random())
        token = bisect.bisect_right(sums, uniforms[-1] * sums[-1], 0, bos)
        if token == bos:
            break
        tokens.append(token)
    return tokens, uniforms
