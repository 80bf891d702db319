"""A pretrained model of the Llama type in memory."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .errors import ModelFileError

Floats = NDArray[np.float32]

MOST_PER_DIMENSION = 0xFFFF
MOST_PARAMETERS = 1 << 26
"""Beyond what any board can map; found out before gigabytes are read."""
_MOST_PIECE_BYTES = 512  # as `app/writer.cpp` has it
_LEAST_EPSILON = 2.0**-100
_MOST_THETA = 1e12
LAYER_TENSORS = ("attention_norm", "wq", "wk", "wv", "wo", "mlp_norm", "w1", "w2", "w3")


@dataclass(frozen=True)
class LlamaShape:
    """RMSNorm with gains, rotary position embeddings, grouped key-value heads, SwiGLU."""

    n_layer: int
    n_embd: int
    n_head: int
    n_kv_head: int
    n_hidden: int
    vocab_size: int
    context: int
    tied_classifier: bool

    @property
    def head_dim(self) -> int:
        return self.n_embd // self.n_head

    def check(self) -> None:
        """Raises ModelFileError if no model can have this shape."""
        for field in fields(self)[:-1]:
            size = getattr(self, field.name)
            if not 0 < size <= MOST_PER_DIMENSION:
                raise ModelFileError(
                    f"{field.name} of the model is {size}; it must be from 1 to "
                    f"{MOST_PER_DIMENSION}."
                )
        if self.n_embd % self.n_head or self.n_head % self.n_kv_head or self.head_dim % 2:
            raise ModelFileError(
                f"A width of {self.n_embd} cannot be divided into {self.n_head} heads that share "
                f"{self.n_kv_head} keys and values, each of an even width."
            )

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor, in the order of the image; a norm has one dimension."""
        wide, hidden, kv = self.n_embd, self.n_hidden, self.head_dim * self.n_kv_head
        layer = dict(
            zip(
                LAYER_TENSORS,
                [(wide,), (wide, wide), (kv, wide), (kv, wide), (wide, wide), (wide,),
                 (hidden, wide), (wide, hidden), (hidden, wide)],
                strict=True,
            )
        )  # fmt: skip
        shapes: dict[str, tuple[int, ...]] = {"embedding": (self.vocab_size, wide)}
        for number in range(self.n_layer):
            shapes |= {f"layers.{number}.{name}": shape for name, shape in layer.items()}
        shapes["final_norm"] = (wide,)
        if not self.tied_classifier:
            shapes["classifier"] = (self.vocab_size, wide)
        return shapes


@dataclass(frozen=True)
class TokenPieces:
    """The vocabulary of byte-pair encoding with byte fall-back."""

    pieces: tuple[bytes, ...]
    scores: tuple[float, ...]
    """The higher, the sooner two pieces are merged into this one."""
    bos: int = 1
    eos: int = 2
    first_byte: int = 3
    """The token of byte 0; those of the other 255 follow."""

    def check(self) -> None:
        """Raises ModelFileError if a board could not encode texts with it."""
        if len(self.pieces) < self.first_byte + 256:
            raise ModelFileError(
                f"The vocabulary has {len(self.pieces)} pieces; with all bytes it would have "
                f"{self.first_byte + 256} or more.",
                "Only vocabularies with byte fall-back are supported.",
            )
        if b"" in self.pieces:
            raise ModelFileError(f"Token {self.pieces.index(b'')} of the vocabulary is empty.")
        longest = max(range(len(self.pieces)), key=lambda token: len(self.pieces[token]))
        if len(self.pieces[longest]) > _MOST_PIECE_BYTES:
            raise ModelFileError(
                f"Token {longest} of the vocabulary has {len(self.pieces[longest])} bytes; a board "
                f"can write {_MOST_PIECE_BYTES} at most."
            )
        if not (0 <= self.bos < len(self.pieces) and 0 <= self.eos < len(self.pieces)):
            raise ModelFileError(
                f"The marks of a text are {self.bos} and {self.eos}, and the vocabulary has "
                f"{len(self.pieces)} pieces."
            )
        if len(set(self.pieces)) < len(self.pieces):
            twice = next(p for i, p in enumerate(self.pieces) if p in self.pieces[:i])
            raise ModelFileError(f"The vocabulary has the piece {twice!r} twice.")
        if not np.isfinite(self.scores).all():
            raise ModelFileError("A score of the vocabulary is not a finite number.")


@dataclass(frozen=True)
class LanguageModel:
    """Weights as float32 with the names of `LlamaShape.tensors`, and what belongs to them."""

    shape: LlamaShape
    tensors: dict[str, Floats]
    vocabulary: TokenPieces
    rope_theta: float = 10000.0
    norm_epsilon: float = 1e-5

    def check(self) -> None:
        """Raises ModelFileError if the parts do not fit together or a weight is no number."""
        self.shape.check()
        self.vocabulary.check()
        if len(self.vocabulary.pieces) != self.shape.vocab_size:
            raise ModelFileError(
                f"The model knows {self.shape.vocab_size} tokens, its vocabulary "
                f"{len(self.vocabulary.pieces)}.",
                "Give the tokenizer that belongs to the model.",
            )
        if not _LEAST_EPSILON <= self.norm_epsilon <= 1:
            raise ModelFileError(
                f"The epsilon of the norms is {self.norm_epsilon}; it must be from "
                f"{_LEAST_EPSILON:.0e} to 1."
            )
        if not 1 <= self.rope_theta <= _MOST_THETA:
            raise ModelFileError(
                f"The base of the position embeddings is {self.rope_theta}; it must be from 1 to "
                f"{_MOST_THETA:.0e}."
            )
        wanted = self.shape.tensors()
        if {name: values.shape for name, values in self.tensors.items()} != wanted:
            raise ModelFileError("The tensors of the model do not suit its shape.")
        for name, values in self.tensors.items():
            if not np.isfinite(values).all():
                raise ModelFileError(f"The tensor {name} has a value that is not a finite number.")
