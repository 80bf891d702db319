"""How the values of a tensor lie in an image (docs/model-image.md)."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from .model import Floats

BLOCK_ROWS = 8
GROUP_COLUMNS = 256
PADDING = 16
WEIGHT_BIAS = 128
_BEHIND = 12
"""Bytes behind the last row of q8 that may be read, with no effect."""


class TensorFormat(IntEnum):
    VECTOR = 0
    F32 = 1
    Q8 = 2


def pack(values: Floats, layout: TensorFormat) -> bytes:
    """The bytes of a tensor."""
    if layout is TensorFormat.VECTOR:
        return np.pad(values, (0, -len(values) % PADDING)).astype("<f4").tobytes()
    if layout is TensorFormat.F32:
        rows, cols = values.shape
        padded = np.pad(values, ((0, -rows % BLOCK_ROWS), (0, 0)))
        blocks = padded.reshape(-1, BLOCK_ROWS, cols).transpose(0, 2, 1)
        return blocks.astype("<f4").tobytes()
    scales, weights = quantise(values)
    stored = np.pad(weights.astype(np.int16) + WEIGHT_BIAS, ((0, 0), (0, -weights.shape[1] % 4)),
                    constant_values=WEIGHT_BIAS)  # fmt: skip
    content = scales.astype("<f4").tobytes() + stored.astype(np.uint8).tobytes()
    return content + bytes(packed_size(values.shape, layout) - len(content))


def packed_size(shape: tuple[int, ...], layout: TensorFormat) -> int:
    """The length of `pack`."""
    if layout is TensorFormat.VECTOR:
        return -(-shape[0] // PADDING) * PADDING * 4
    rows, cols = shape
    if layout is TensorFormat.F32:
        return -(-rows // BLOCK_ROWS) * BLOCK_ROWS * cols * 4
    groups = -(-cols // GROUP_COLUMNS)
    return -(-(groups * rows * 4 + rows * (-(-cols // 4) * 4) + _BEHIND) // 16) * 16


def is_packed(content: bytes, shape: tuple[int, ...], layout: TensorFormat) -> bool:
    """Whether `pack` could have made this: each weight in its range, and all padding empty."""
    if layout is TensorFormat.VECTOR:
        return not np.frombuffer(content, "<u4")[shape[0] :].any()
    rows, cols = shape
    if layout is TensorFormat.F32:
        blocks = np.frombuffer(content, "<u4").reshape(-1, cols, BLOCK_ROWS)
        return not blocks.transpose(0, 2, 1).reshape(-1, cols)[rows:].any()
    stored, behind = _stored(content, rows, cols)
    return bool(stored.all() and (stored[:, cols:] == WEIGHT_BIAS).all()) and not any(behind)


def unpack(content: bytes, shape: tuple[int, ...], layout: TensorFormat) -> Floats:
    """The values, as float32, that a board computes with."""
    if layout is TensorFormat.VECTOR:
        return np.frombuffer(content, "<f4", shape[0]).astype(np.float32)
    rows, cols = shape
    if layout is TensorFormat.F32:
        blocks = np.frombuffer(content, "<f4").reshape(-1, cols, BLOCK_ROWS)
        values = blocks.transpose(0, 2, 1).reshape(-1, cols)[:rows]
        return np.ascontiguousarray(values, np.float32)
    scales, weights = unpack_q8(content, rows, cols)
    groups = np.arange(cols) // GROUP_COLUMNS
    return (weights * scales[groups].T).astype(np.float32)


def unpack_q8(content: bytes, rows: int, cols: int) -> tuple[Floats, np.ndarray]:
    """Scales [groups x rows] and weights [rows x cols] from -127 to 127."""
    groups = -(-cols // GROUP_COLUMNS)
    scales = np.frombuffer(content, "<f4", groups * rows).reshape(groups, rows)
    stored, _ = _stored(content, rows, cols)
    weights = stored[:, :cols].astype(np.int16) - WEIGHT_BIAS
    return scales.astype(np.float32), weights.astype(np.int8)


def _stored(content: bytes, rows: int, cols: int) -> tuple[np.ndarray, bytes]:
    """The weights of q8 with their bias and padding [rows x stride], and what is behind them."""
    begin, stride = -(-cols // GROUP_COLUMNS) * rows * 4, -(-cols // 4) * 4
    stored = np.frombuffer(content, np.uint8, rows * stride, begin)
    return stored.reshape(rows, stride), content[begin + rows * stride :]


def quantise(values: Floats) -> tuple[Floats, np.ndarray]:
    """Scales [groups x rows], and the nearest weights [rows x cols] from -127 to 127."""
    rows, cols = values.shape
    scales, weights = [], np.zeros((rows, cols), np.int8)
    for begin in range(0, cols, GROUP_COLUMNS):
        part = values[:, begin : begin + GROUP_COLUMNS].astype(np.float64)
        scale = (np.abs(part).max(axis=1) / 127).astype(np.float32)
        divisor = np.where(scale > 0, scale, 1).astype(np.float64)[:, None]
        weights[:, begin : begin + GROUP_COLUMNS] = np.rint(part / divisor).clip(-127, 127)
        scales.append(scale)
    return np.array(scales, np.float32), weights
