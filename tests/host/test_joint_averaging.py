from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ugpt.joint.averaging import average, mean, mean_losses
from ugpt.joint.streams import Streams
from ugpt.runs.checkpoint import Checkpoint

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def as_float32(value: float) -> float:
    """Rounded by the C library of struct, not by NumPy."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


@given(st.lists(FLOATS, min_size=1, max_size=9))
def test_a_mean_is_one_chain_in_the_order_of_the_workers(values: list[float]) -> None:
    total = values[0]
    for value in values[1:]:
        total += value
    expected = struct.pack("<f", as_float32(total / len(values)))
    arrays = [np.array([value], dtype=np.float32) for value in values]
    assert mean(arrays).tobytes() == expected


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
def test_one_worker_keeps_all_its_bits(bits: list[int]) -> None:
    patterns = np.array(bits, dtype=np.uint32)
    values = patterns.view(np.float32)
    numbers = ~np.isnan(values)  # the payload of a NaN is not part of the contract
    assert (mean([values]).view(np.uint32) == patterns)[numbers].all()


def test_a_mean_does_not_depend_on_the_length_of_a_matrix() -> None:
    random = np.random.default_rng(1)
    workers = [random.standard_normal(1001).astype(np.float32) for _ in range(7)]
    singly = [mean([worker[i : i + 1] for worker in workers])[0] for i in range(1001)]
    assert mean(workers).tobytes() == np.array(singly, dtype=np.float32).tobytes()
    strided = [np.repeat(worker, 3)[::3] for worker in workers]
    assert mean(strided).tobytes() == mean(workers).tobytes()


def checkpoint(step: int, value: float) -> Checkpoint:
    def filled(factor: float) -> dict[str, NDArray[np.float32]]:
        return {"wte": np.full((2, 3), factor * value, dtype=np.float32)}

    return Checkpoint(step, filled(1), filled(10), filled(100))


def test_weights_and_both_moments_are_averaged() -> None:
    averaged = average([checkpoint(5, 1.0), checkpoint(5, 2.0)])
    assert averaged.step == 5
    kinds = (averaged.weights, averaged.first_moment, averaged.second_moment)
    assert [float(kind["wte"][1, 2]) for kind in kinds] == [1.5, 15.0, 150.0]


def test_workers_at_different_steps_are_not_averaged() -> None:
    with pytest.raises(ValueError, match="different steps"):
        average([checkpoint(5, 1.0), checkpoint(6, 1.0)])


def test_losses_are_averaged_step_by_step() -> None:
    assert mean_losses([[1.0, 2.0], [3.0, 6.0]]) == [2.0, 4.0]


@given(
    workers=st.integers(1, 9),
    batch=st.integers(1, 4),
    documents=st.integers(1, 50),
    steps=st.integers(0, 20),
)
def test_workers_share_the_training_order(
    workers: int, batch: int, documents: int, steps: int
) -> None:
    streams = Streams(workers, batch, documents)
    seen = [streams.of_steps(worker, 0, steps) for worker in range(workers)]
    dealt = [place for turn in zip(*seen, strict=True) for place in turn]
    assert dealt == [index % documents for index in range(steps * batch * workers)]


@given(st.integers(0, 8), st.integers(0, 30), st.integers(0, 30))
def test_a_stream_does_not_depend_on_where_it_is_taken_up(
    worker: int, middle: int, more: int
) -> None:
    streams = Streams(9, 2, 17)
    parts = streams.of_steps(worker, 0, middle) + streams.of_steps(worker, middle, middle + more)
    assert parts == streams.of_steps(worker, 0, middle + more)
