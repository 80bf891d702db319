"""How far one position turns each pair of a head: integers, so that every machine has the same."""

from __future__ import annotations

from decimal import Decimal, localcontext

_PI = Decimal("3.14159265358979323846264338327950288419716939937511")
_DIGITS = 50


def rope_steps(theta: float, head_dim: int) -> list[int]:
    """In units of 2^-64 of a full turn: theta^(-2i / head_dim) radians for pair i.

    Decimal computes them to many digits, the same everywhere, which floats of the C library do not.
    """
    with localcontext() as context:
        context.prec = _DIGITS
        steps = [
            Decimal(theta) ** (Decimal(-2 * pair) / head_dim) / (2 * _PI) * 2**64
            for pair in range(head_dim // 2)
        ]
        return [int(step.to_integral_value()) for step in steps]
