"""The losses of documents that a model is not trained on, in portions that a frame holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..rpc import messages
from ..rpc.errors import ProtocolError
from ..rpc.messages import Shape
from ..rpc.schema import Call
from .bulk import Bulk
from .results import Evaluation, TokenEvaluation
from .tensors import VALUE_BYTES, decode_floats, decode_tokens

_DOCUMENTS_PER_REQUEST = messages.METHODS["evaluate"].param("documents").items
# Of documents and positions together.
_LOSSES_PER_REQUEST = messages.METHODS["evaluate"].result["token_losses"].range[1] // VALUE_BYTES


async def mean_losses(bulk: Bulk, documents: Sequence[bytes]) -> Evaluation:
    """The mean loss of each document."""
    calls: list[Call[messages.EvaluateResult]] = []
    start = 0
    while start < len(documents):
        batch = bulk.fitting(documents[start : start + _DOCUMENTS_PER_REQUEST])
        calls.append(messages.evaluate(batch))
        start += len(batch)
    results = await bulk.call_all(calls)
    losses = tuple(loss for result in results for loss in decode_floats(result.losses))
    if len(losses) != len(documents):
        raise ProtocolError(f"The device sent {len(losses)} losses of {len(documents)}.")
    return Evaluation(_last_step(results), losses)


async def token_losses(bulk: Bulk, documents: Sequence[bytes], shape: Shape) -> TokenEvaluation:
    """The loss of every position of each document."""
    counts = [
        min(len(decode_tokens(document, shape.vocab_size)) + 1, shape.block_size)
        for document in documents
    ]
    most = min(bulk.data_bytes // VALUE_BYTES, _LOSSES_PER_REQUEST)
    batches = list(_batches(counts, most))
    results = await bulk.call_all(
        [messages.evaluate(documents[batch], by_token=True) for batch in batches]
    )
    losses: list[tuple[float, ...]] = []
    for batch, result in zip(batches, results, strict=True):
        values = decode_floats(result.token_losses)
        if len(values) != sum(counts[batch]):
            raise ProtocolError(f"The device sent {len(values)} losses of tokens.")
        for count in counts[batch]:
            losses.append(values[:count])
            values = values[count:]
    return TokenEvaluation(_last_step(results), tuple(losses))


def _batches(counts: Sequence[int], most: int) -> Iterator[slice]:
    """Documents with so many positions, in portions of at most `most` losses."""
    start, losses = 0, 0
    for index, count in enumerate(counts):
        if losses + count + 1 > most:
            yield slice(start, index)
            start, losses = index, 0
        losses += count + 1
    if losses:
        yield slice(start, len(counts))


def _last_step(results: Sequence[messages.EvaluateResult]) -> int:
    return max((result.step for result in results), default=0)
