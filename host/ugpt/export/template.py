"""Programs whose text is a template: real code, in which a line stands for the numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

WIDTH = 100
"""Columns of a line, at most."""


def template(name: str) -> str:
    """The text of a file of templates/."""
    return files(__package__).joinpath("templates", name).read_text("utf-8")


def fill(text: str, lines: Mapping[str, str]) -> str:
    """Replaces each of these lines, which stand once in the text."""
    for line, content in lines.items():
        before, found, after = text.partition(f"\n{line}\n")
        if not found or f"\n{line}\n" in after:
            raise ValueError(f"the template does not have {line!r} once")
        text = f"{before}\n{content}\n{after}"
    return text


def wrapped(items: Iterable[str], indent: int) -> str:
    """Items with commas between them, in lines of the usual width."""
    lines: list[str] = []
    line = ""
    for item in items:
        if line and indent + len(line) + len(item) + 2 > WIDTH:
            lines.append(line)
            line = ""
        line += f"{' ' if line else ''}{item},"
    return "\n".join(" " * indent + each for each in (*lines, line))


def decimals(values: NDArray[np.float32]) -> list[str]:
    """The shortest numbers that are these values, be they read as 32 bits or as 64 and rounded."""
    texts = [str(value) for value in values]
    again = np.array(texts, dtype=np.float64).astype(np.float32)
    return [
        text if same else repr(float(value))
        for text, same, value in zip(
            texts, again.view(np.uint32) == values.view(np.uint32), values, strict=True
        )
    ]


def rows_of(matrix: NDArray[np.float32]) -> Iterable[list[str]]:
    """Each row of a matrix as numbers."""
    texts = iter(decimals(matrix.reshape(-1)))
    for _ in range(len(matrix)):
        yield list(itertools.islice(texts, matrix.shape[1]))
