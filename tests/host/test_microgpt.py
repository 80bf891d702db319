from __future__ import annotations

import random

import numpy as np
import pytest

from ugpt import Shape, tensor_shapes
from ugpt.data.microgpt_random import INIT_STD, MicrogptRandom


@pytest.mark.parametrize(
    "shape", [Shape(1, 16, 4, 16, 27), Shape(3, 6, 2, 5, 40)], ids=["names", "deeper"]
)
def test_draws_in_the_order_of_the_program(shape: Shape) -> None:
    documents = [f"document {i}" for i in range(30)]
    theirs = random.Random(42)
    shuffled = list(documents)
    theirs.shuffle(shuffled)
    width = shape.n_embd
    sizes = [(shape.vocab_size, width), (shape.block_size, width), (shape.vocab_size, width)]
    for _ in range(shape.n_layer):
        sizes += [(width, width)] * 4 + [(4 * width, width), (width, 4 * width)]
    matrices = [
        [[theirs.gauss(0, 0.08) for _ in range(columns)] for _ in range(rows)]
        for rows, columns in sizes
    ]
    uniforms = [theirs.random() for _ in range(12)]

    ours = MicrogptRandom(42)
    assert ours.shuffle(documents) == shuffled
    weights = ours.weights(tensor_shapes(shape))
    assert list(weights) == list(tensor_shapes(shape))
    for values, expected in zip(weights.values(), matrices, strict=True):
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, np.array(expected, dtype=np.float32))
    assert ours.peek_uniforms(12) == [float(np.float32(uniform)) for uniform in uniforms]
    assert INIT_STD == 0.08


def test_uniforms_are_taken_as_they_are_used() -> None:
    all_of_them = MicrogptRandom(1).peek_uniforms(20)
    generator = MicrogptRandom(1)
    assert generator.peek_uniforms(16) == all_of_them[:16]
    generator.take_uniforms(5)
    assert generator.peek_uniforms(15) == all_of_them[5:]


def test_uniforms_stay_below_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random.Random, "random", lambda self: 1 - 2**-53)
    assert MicrogptRandom(1).peek_uniforms(1) == [1 - 2**-24]
