"""Hugging Face folders, made of models that came from somewhere else."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ugpt.models.model import LanguageModel

_NAMES = {
    "attention_norm": "input_layernorm",
    "wq": "self_attn.q_proj",
    "wk": "self_attn.k_proj",
    "wv": "self_attn.v_proj",
    "wo": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "w1": "mlp.gate_proj",
    "w2": "mlp.down_proj",
    "w3": "mlp.up_proj",
}
_OUTSIDE = {
    "embedding": "model.embed_tokens.weight",
    "final_norm": "model.norm.weight",
    "classifier": "lm_head.weight",
}

Change = Callable[[dict[str, Any]], object]


def write_folder(
    folder: Path,
    model: LanguageModel,
    *,
    dtype: str = "F32",
    shards: int = 1,
    config: Change = lambda _: None,
    tokenizer: Change = lambda _: None,
    tensors: Change = lambda _: None,
) -> Path:
    """A folder as transformers would write it, after these changes."""
    folder.mkdir(exist_ok=True)
    _write_json(folder / "config.json", _config(model), config)
    _write_json(folder / "tokenizer.json", _tokenizer(model), tokenizer)
    theirs = {_their_name(name): _half_split(name, model) for name in model.tensors}
    tensors(theirs)
    names = sorted(theirs)
    parts = [names[i::shards] for i in range(shards)]
    files = [f"model-{i:05}-of-{shards:05}.safetensors" for i in range(1, shards + 1)]
    if shards == 1:
        files = ["model.safetensors"]
    else:
        places = {name: file for file, part in zip(files, parts, strict=True) for name in part}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    for file, part in zip(files, parts, strict=True):
        _write_safetensors(folder / file, {name: theirs[name] for name in part}, dtype)
    return folder


def bfloat16(values: np.ndarray) -> np.ndarray:
    """The float32 that are left of them, rounded towards zero."""
    return (values.view(np.uint32) & 0xFFFF0000).view(np.float32)


def _write_json(file: Path, content: dict[str, Any], change: Change) -> None:
    change(content)
    file.write_text(json.dumps(content))


def _write_safetensors(file: Path, tensors: dict[str, np.ndarray], dtype: str) -> None:
    """By the page of the format, not by the library that reads it."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, values in tensors.items():
        begin, data = len(data), data + _encoded(values, dtype)
        offsets = [begin, len(data)]
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": offsets}
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


def _encoded(values: np.ndarray, dtype: str) -> bytes:
    if dtype == "BF16":
        return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype("<u2").tobytes()
    return values.astype({"F32": "<f4", "F16": "<f2"}[dtype]).tobytes()


def _their_name(name: str) -> str:
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    _, number, tensor = name.split(".")
    return f"model.layers.{number}.{_NAMES[tensor]}.weight"


def _half_split(name: str, model: LanguageModel) -> np.ndarray:
    """Rows as the script has it that converts Meta's files for transformers."""
    values = model.tensors[name]
    if not name.endswith((".wq", ".wk")):
        return values
    rows, cols = values.shape
    heads = rows // model.shape.head_dim
    return values.reshape(heads, rows // heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)


def _config(model: LanguageModel) -> dict[str, Any]:
    shape = model.shape
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": shape.n_embd,
        "intermediate_size": shape.n_hidden,
        "num_hidden_layers": shape.n_layer,
        "num_attention_heads": shape.n_head,
        "num_key_value_heads": shape.n_kv_head,
        "vocab_size": shape.vocab_size,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": model.norm_epsilon,
        "rope_theta": model.rope_theta,
        "rope_scaling": None,
        "tie_word_embeddings": shape.tied_classifier,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": model.vocabulary.bos,
        "eos_token_id": model.vocabulary.eos,
        "torch_dtype": "float32",
    }


def _tokenizer(model: LanguageModel) -> dict[str, Any]:
    pieces = [piece.decode().strip("\n").replace(" ", "▁") for piece in model.vocabulary.pieces]
    known = set(pieces)
    first = model.vocabulary.first_byte + 256
    merges = [
        f"{piece[:at]} {piece[at:]}"
        for piece in pieces[first:]
        for at in range(1, len(piece))
        if piece[:at] in known and piece[at:] in known
    ]
    return {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        "pre_tokenizer": None,
        "added_tokens": [{"id": i, "content": pieces[i], "special": True} for i in range(3)],
        "model": {
            "type": "BPE",
            "byte_fallback": True,
            "vocab": {piece: token for token, piece in enumerate(pieces)},
            "merges": merges,
        },
    }
