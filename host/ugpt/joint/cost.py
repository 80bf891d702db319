"""What weights and moments cost on their way."""

from __future__ import annotations

from ..device.tensors import VALUE_BYTES
from ..rpc.stats import BITS_PER_BYTE

_TENSOR_KINDS = 3  # weights and both moments
_LINE_SHARE = 0.95  # of a line that data has; the rest are frames, requests and waiting


def state_bytes(parameters: int) -> int:
    """Weights and moments, which travel to a board and back for each part."""
    return _TENSOR_KINDS * VALUE_BYTES * parameters


def wire_s(parameters: int, baud: int) -> float:
    """Of one part: there and back. 0 for a link without a rate."""
    return 2 * state_bytes(parameters) * BITS_PER_BYTE / (_LINE_SHARE * baud) if baud else 0.0
