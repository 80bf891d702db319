"""The lines that give a loss a meaning."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from ugpt.data import baselines as room
from ugpt.data.baselines import Baselines, baselines
from ugpt.data.dataset import Dataset
from ugpt.rpc.messages import Recipe, Schedule
from ugpt.training.schedule import learning_rate

NAMES = Dataset.load(Path(__file__).parents[2] / "data" / "names.txt")


def counted(documents: list[str], block_size: int) -> tuple[float, float]:
    """The same, one position after the other."""
    tokens: Counter[str] = Counter()
    contexts: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for text in documents:
        line = ["", *text, ""]
        for position in range(min(len(text) + 1, block_size)):
            context, token = line[position], line[position + 1]
            tokens[token] += 1
            contexts[context] += 1
            pairs[context, token] += 1
    total = sum(tokens.values())

    def entropy(counts: list[int]) -> float:
        return -sum(count / total * math.log(count / total) for count in counts)

    by_pairs = entropy(list(pairs.values())) - entropy(list(contexts.values()))
    return entropy(list(tokens.values())), by_pairs


def test_names() -> None:
    known = baselines(NAMES.documents, 16, NAMES.vocabulary.size)
    assert known.uniform == pytest.approx(math.log(27))
    assert known.letter_counts == pytest.approx(2.81, abs=0.005)
    assert known.letter_pairs == pytest.approx(2.33, abs=0.005)


@pytest.mark.parametrize("block_size", [1, 2, 4, 7, 16])
@pytest.mark.parametrize(
    "documents", [list(NAMES.documents[:200]), ["a"], ["", "ab", ""], ["日本", "👍\n👍", "日"]]
)
def test_counts(documents: list[str], block_size: int) -> None:
    known = baselines(documents, block_size, 30)
    by_letter, by_pair = counted(documents, block_size)
    assert known.letter_counts == pytest.approx(by_letter)
    assert known.letter_pairs == pytest.approx(by_pair, abs=1e-12)


def test_no_documents() -> None:
    assert baselines([], 16, 2) == Baselines(math.log(2), 0.0, 0.0)


def test_long_data_set_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = baselines(NAMES.documents, 16, 27)
    monkeypatch.setattr(room, "_CHARACTERS_MAX", 10_000)
    part = baselines(NAMES.documents, 16, 27)
    assert part != whole
    assert part.letter_counts == pytest.approx(whole.letter_counts, abs=0.05)
    assert part.letter_pairs == pytest.approx(whole.letter_pairs, abs=0.1)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (Schedule.LINEAR, [0.05, 0.1, 0.1, 0.05, 0.0]),
        (Schedule.COSINE, [0.05, 0.1, 0.1, 0.05, 0.0]),
        (Schedule.CONSTANT, [0.05, 0.1, 0.1, 0.1, 0.1]),
    ],
)
def test_learning_rate(schedule: Schedule, rates: list[float]) -> None:
    recipe = Recipe(0.1, 0.85, 0.99, 1e-8, 102, schedule=schedule, warmup_steps=2)
    shown = [learning_rate(recipe, completed) for completed in (0, 1, 2, 52, 102)]
    assert shown == pytest.approx(rates)
