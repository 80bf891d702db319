"""What weights and moments cost on their way."""

from __future__ import annotations

_TENSOR_KINDS = 3  # weights and both moments
_VALUE_BYTES = 4
_LINE_BITS = 10  # of a byte on a serial line
_LINE_SHARE = 0.95  # of a line that data has; the rest are frames, requests and waiting


def state_bytes(parameters: int) -> int:
    """Weights and moments, which travel to a board and back for each part."""
    return _TENSOR_KINDS * _VALUE_BYTES * parameters


def wire_s(parameters: int, baud: int) -> float:
    """Of one part: there and back. 0 for a link without a rate."""
    return 2 * state_bytes(parameters) * _LINE_BITS / (_LINE_SHARE * baud) if baud else 0.0
