"""Which documents a worker is trained on.

The training order of the seed is dealt out like cards: of W workers, worker k gets documents k,
k + W, k + 2W of it, over and over. So after s steps of one document W workers have seen the first
s W documents of the order, each of them once; and one worker sees what a run on one board does.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Streams:
    """The streams of all workers."""

    workers: int
    batch: int
    documents: int
    """In the training order, which begins anew behind the last one."""

    def of_steps(self, worker: int, after: int, until: int) -> list[int]:
        """Places in the training order of what `worker` sees in the steps between the two."""
        indices = range(after * self.batch, until * self.batch)
        return [(index * self.workers + worker) % self.documents for index in indices]
