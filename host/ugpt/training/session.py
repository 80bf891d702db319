"""What one training run needs, wherever it is trained."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from ..data.baselines import Baselines, baselines
from ..data.dataset import Dataset, Split, split_documents
from ..data.known import KnownTexts
from ..data.vocabulary import Vocabulary
from ..device.tensors import encode_tokens
from ..runs.folder import Run
from .events import OnEvent
from .feeder import Feed
from .loss_history import TokenCounts

_KNOWN_MAX = 1_000_000


@dataclass(frozen=True)
class Session:
    """A run, its texts, and who hears of what happens to it."""

    run: Run
    dataset: Dataset
    emit: OnEvent
    watched: bool = False
    """Whether somebody looks on: figures are computed then that cost the device some time."""
    may_move: bool = False
    """Whether the run may go on on another device than it was trained on."""
    may_overwrite: bool = False
    """Whether what the device holds when the run begins may be lost, though it is nowhere else."""
    expendable: Collection[int] = ()
    """Numbers of other runs whose steps on a device nobody wants back."""
    extend_to: int | None = None
    """How many steps the run is to have, if not those that it was planned with."""

    @cached_property
    def split(self) -> Split:
        """The documents to train on, in training order, and those of the validation."""
        config = self.run.config
        return split_documents(self.dataset.documents, config.seed, config.validation_documents)

    @cached_property
    def token_counts(self) -> TokenCounts:
        """How many positions each step trains."""
        config = self.run.config
        return TokenCounts(self.split.training, config.shape.block_size, config.recipe.batch)

    @cached_property
    def known_texts(self) -> KnownTexts | None:
        """To look texts up in; None if that would take too long to prepare."""
        documents = self.dataset.documents
        return KnownTexts(documents) if len(documents) <= _KNOWN_MAX else None

    @cached_property
    def baselines(self) -> Baselines:
        """What models without a network reach on these texts."""
        shape = self.run.config.shape
        return baselines(self.dataset.documents, shape.block_size, shape.vocab_size)

    @property
    def vocabulary(self) -> Vocabulary:
        return self.dataset.vocabulary

    @cached_property
    def vocabulary_bytes(self) -> int:
        """Of the vocabulary as UTF-8 text, as a device keeps it."""
        return len(self.vocabulary.characters.encode())

    @property
    def total_steps(self) -> int:
        return self.run.config.recipe.total_steps

    @property
    def feed(self) -> Feed:
        """What its device is trained on."""
        config, documents = self.run.config, self.split.training
        return Feed(
            config.run_id,
            self.total_steps,
            config.recipe.batch,
            lambda index: self.encode(documents[index % len(documents)]),
            measures_gradient=self.watched,
        )

    def encode(self, text: str) -> bytes:
        """A document as a device takes it: cut to the context."""
        tokens = self.vocabulary.encode(text[: self.run.config.shape.block_size])
        return encode_tokens(tokens, self.vocabulary.size)
