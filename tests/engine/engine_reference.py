"""microgpt in float64 NumPy, written from its description, as a reference for the engine.

Parameters are a dict from tensor name to [rows x cols] array; `loss_and_gradients` is forward and
backward for one document, `next_logits` forward alone.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Parameters = dict[str, Array]


def parameter_shapes(
    n_layer: int, n_embd: int, block_size: int, vocab_size: int
) -> dict[str, tuple[int, int]]:
    """The parameter matrices in canonical order."""
    shapes = {
        "wte": (vocab_size, n_embd),
        "wpe": (block_size, n_embd),
        "lm_head": (vocab_size, n_embd),
    }
    for layer in range(n_layer):
        for name in ("attn_wq", "attn_wk", "attn_wv", "attn_wo"):
            shapes[f"layer{layer}.{name}"] = (n_embd, n_embd)
        shapes[f"layer{layer}.mlp_fc1"] = (4 * n_embd, n_embd)
        shapes[f"layer{layer}.mlp_fc2"] = (n_embd, 4 * n_embd)
    return shapes


def _rmsnorm(x: Array) -> tuple[Array, Array]:
    scale = (np.mean(x * x, axis=1, keepdims=True) + 1e-5) ** -0.5
    return x * scale, scale


def _rmsnorm_backward(y: Array, scale: Array, dy: Array) -> Array:
    dx: Array = scale * (dy - y * np.mean(y * dy, axis=1, keepdims=True))
    return dx


def _softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def next_logits(parameters: Parameters, n_layer: int, n_head: int, tokens: list[int]) -> Array:
    """What the model gives for the token after `tokens`."""
    x, *_ = _forward(parameters, n_layer, n_head, tokens)
    logits: Array = parameters["lm_head"] @ x[-1]
    return logits


def _forward(
    p: Parameters, n_layer: int, n_head: int, inputs: list[int]
) -> tuple[Array, Array, Array, list[Any]]:
    """The residual stream at its end and, for the way back, all that it came from."""
    n = len(inputs)
    head_dim = p["wte"].shape[1] // n_head
    hidden_from = np.triu(np.ones((n, n), dtype=bool), 1)

    embedded, embedded_scale = _rmsnorm(p["wte"][inputs] + p["wpe"][:n])
    x = embedded
    kept = []
    for layer in range(n_layer):
        w = {
            name: p[f"layer{layer}.{name}"]
            for name in ("attn_wq", "attn_wk", "attn_wv", "attn_wo", "mlp_fc1", "mlp_fc2")
        }
        h1, scale1 = _rmsnorm(x)
        q, k, v = h1 @ w["attn_wq"].T, h1 @ w["attn_wk"].T, h1 @ w["attn_wv"].T
        mixed = np.zeros_like(x)
        attention = []
        for head in range(n_head):
            s = slice(head * head_dim, (head + 1) * head_dim)
            scores = q[:, s] @ k[:, s].T / np.sqrt(head_dim)
            scores[hidden_from] = -np.inf
            attention.append(_softmax(scores))
            mixed[:, s] = attention[-1] @ v[:, s]
        x = x + mixed @ w["attn_wo"].T
        h2, scale2 = _rmsnorm(x)
        hidden = np.maximum(h2 @ w["mlp_fc1"].T, 0.0)
        x = x + hidden @ w["mlp_fc2"].T
        kept.append((w, h1, scale1, q, k, v, attention, mixed, h2, scale2, hidden))
    return x, embedded, embedded_scale, kept


def loss_and_gradients(
    parameters: Parameters, n_layer: int, n_head: int, tokens: list[int]
) -> tuple[float, Parameters]:
    """Mean loss of predicting tokens[1:] from tokens[:-1], and its gradients."""
    p = parameters
    head_dim = p["wte"].shape[1] // n_head
    inputs, targets = tokens[:-1], tokens[1:]
    n = len(inputs)
    x, embedded, embedded_scale, kept = _forward(p, n_layer, n_head, inputs)
    probabilities = _softmax(x @ p["lm_head"].T)
    loss = float(-np.mean(np.log(probabilities[np.arange(n), targets])))

    gradients = {name: np.zeros_like(value) for name, value in p.items()}
    dlogits = probabilities.copy()
    dlogits[np.arange(n), targets] -= 1.0
    dlogits /= n
    gradients["lm_head"] = dlogits.T @ x
    dx = dlogits @ p["lm_head"]
    for layer in reversed(range(n_layer)):
        w, h1, scale1, q, k, v, attention, mixed, h2, scale2, hidden = kept[layer]
        g = {}
        g["mlp_fc2"] = dx.T @ hidden
        dhidden = (dx @ w["mlp_fc2"]) * (hidden > 0.0)
        g["mlp_fc1"] = dhidden.T @ h2
        dx = dx + _rmsnorm_backward(h2, scale2, dhidden @ w["mlp_fc1"])
        g["attn_wo"] = dx.T @ mixed
        dmixed = dx @ w["attn_wo"]
        dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        for head in range(n_head):
            s = slice(head * head_dim, (head + 1) * head_dim)
            a = attention[head]
            da = dmixed[:, s] @ v[:, s].T
            dscores = a * (da - np.sum(a * da, axis=1, keepdims=True)) / np.sqrt(head_dim)
            dq[:, s] = dscores @ k[:, s]
            dk[:, s] = dscores.T @ q[:, s]
            dv[:, s] = a.T @ dmixed[:, s]
        g["attn_wq"], g["attn_wk"], g["attn_wv"] = dq.T @ h1, dk.T @ h1, dv.T @ h1
        dh1 = dq @ w["attn_wq"] + dk @ w["attn_wk"] + dv @ w["attn_wv"]
        dx = dx + _rmsnorm_backward(h1, scale1, dh1)
        for name, gradient in g.items():
            gradients[f"layer{layer}.{name}"] = gradient
    dembedding = _rmsnorm_backward(embedded, embedded_scale, dx)
    np.add.at(gradients["wte"], inputs, dembedding)
    gradients["wpe"][:n] = dembedding
    return loss, gradients
