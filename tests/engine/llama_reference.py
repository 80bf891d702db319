"""Inference in float64 and the plainest NumPy, which shares nothing with the engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ugpt.models.model import LanguageModel

Doubles = NDArray[np.float64]


class Reference:
    """One text at a time: `next` takes its tokens one after the other."""

    def __init__(self, model: LanguageModel) -> None:
        self._shape = model.shape
        self._epsilon = model.norm_epsilon
        self._weights = {name: w.astype(np.float64) for name, w in model.tensors.items()}
        pairs = np.arange(self._shape.head_dim // 2)
        self._frequencies = model.rope_theta ** (-2 * pairs / self._shape.head_dim)
        self._keys: list[list[Doubles]] = [[] for _ in range(self._shape.n_layer)]
        self._values: list[list[Doubles]] = [[] for _ in range(self._shape.n_layer)]

    def next(self, token: int) -> Doubles:
        """The logits of what follows."""
        weights = self._weights
        x = weights["embedding"][token]
        for layer in range(self._shape.n_layer):
            w = {name: weights[f"layers.{layer}.{name}"] for name in _NAMES}
            x = x + self._attention(layer, w, self._norm(x, w["attention_norm"]))
            y = self._norm(x, w["mlp_norm"])
            gate = w["w1"] @ y
            x = x + w["w2"] @ (gate / (1 + np.exp(-gate)) * (w["w3"] @ y))
        return weights.get("classifier", weights["embedding"]) @ self._norm(
            x, weights["final_norm"]
        )

    def greedy(self, prompt: Sequence[int], length: int) -> list[int]:
        tokens = list(prompt)
        for position in range(length - 1):
            logits = self.next(tokens[position])
            if position + 1 == len(tokens):
                tokens.append(int(np.argmax(logits)))
        return tokens

    def _norm(self, x: Doubles, gains: Doubles) -> Doubles:
        return gains * x / np.sqrt(np.mean(x * x) + self._epsilon)

    def _attention(self, layer: int, w: dict[str, Doubles], y: Doubles) -> Doubles:
        shape = self._shape
        position = len(self._keys[layer])
        queries = self._rotate(w["wq"] @ y, position).reshape(shape.n_head, -1)
        self._keys[layer].append(self._rotate(w["wk"] @ y, position))
        self._values[layer].append(w["wv"] @ y)
        keys = np.array(self._keys[layer]).reshape(position + 1, shape.n_kv_head, -1)
        values = np.array(self._values[layer]).reshape(position + 1, shape.n_kv_head, -1)
        mixed = []
        for head in range(shape.n_head):
            shared = head // (shape.n_head // shape.n_kv_head)
            scores = keys[:, shared] @ queries[head] / np.sqrt(shape.head_dim)
            powers = np.exp(scores - scores.max())
            mixed.append(powers / powers.sum() @ values[:, shared])
        return w["wo"] @ np.concatenate(mixed)

    def _rotate(self, x: Doubles, position: int) -> Doubles:
        pairs = x.reshape(-1, self._shape.head_dim // 2, 2)
        turned = (pairs[..., 0] + 1j * pairs[..., 1]) * np.exp(1j * position * self._frequencies)
        return np.stack([turned.real, turned.imag], axis=-1).reshape(-1)


_NAMES = ("attention_norm", "wq", "wk", "wv", "wo", "mlp_norm", "w1", "w2", "w3")
