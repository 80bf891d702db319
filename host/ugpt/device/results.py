"""What the methods of a device return, unless it is a record of the protocol."""

from __future__ import annotations

from typing import NamedTuple

from ..rpc import messages

DocumentsTaken = messages.DocumentsWriteResult
Sampled = messages.SampleResult
SelfTest = messages.SelfTestResult


class Losses(NamedTuple):
    """Losses of consecutive steps; `first` is the step (1-based) of the first."""

    first: int
    values: tuple[float, ...]


class Evaluation(NamedTuple):
    """The mean loss of each document's positions, after `step` completed steps."""

    step: int
    losses: tuple[float, ...]


class TokenEvaluation(NamedTuple):
    """The loss of every position of each document, after `step` completed steps.

    A document of n tokens has n + 1 positions, its last one predicting BOS, or block_size if that
    is less.
    """

    step: int
    losses: tuple[tuple[float, ...], ...]


class WeightsDigest(NamedTuple):
    """A digest of all weights after `step` completed steps."""

    step: int
    sha256: str
    """In hex, of the weights as little-endian float32 in canonical order, as in weights.sha256."""
