"""Hugging Face folders: a LlamaForCausalLM with its weights and its tokenizer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from .content import read_content
from .errors import ModelFileError
from .model import (
    LAYER_TENSORS,
    MOST_PARAMETERS,
    MOST_PER_DIMENSION,
    Floats,
    LanguageModel,
    LlamaShape,
)
from .sentencepiece import read_tokenizer_json

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"

_OUTSIDE_LAYERS = {
    "embedding": "model.embed_tokens.weight",
    "final_norm": "model.norm.weight",
    "classifier": "lm_head.weight",
}
_IN_LAYER = dict(
    zip(
        LAYER_TENSORS,
        ("input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
         "self_attn.o_proj", "post_attention_layernorm", "mlp.gate_proj", "mlp.down_proj",
         "mlp.up_proj"),
        strict=True,
    )
)  # fmt: skip
_WITHOUT_WEIGHTS = ("rotary_emb.inv_freq",)  # computed, and kept in some old files


@dataclass(frozen=True)
class _Config:
    shape: LlamaShape
    rope_theta: float
    norm_epsilon: float
    bos: int
    eos: int


def read_folder(folder: Path) -> LanguageModel:
    """Reads a model with its tokenizer. Raises ModelFileError."""
    config = _read_config(folder / CONFIG)
    vocabulary = read_tokenizer_json(folder / TOKENIZER, config.bos, config.eos)
    if len(vocabulary.pieces) != config.shape.vocab_size:
        raise ModelFileError(
            f"{folder / TOKENIZER} has {len(vocabulary.pieces)} tokens, the model "
            f"{config.shape.vocab_size}.",
            "Take the tokenizer that belongs to the model.",
        )
    model = LanguageModel(
        config.shape,
        _named(folder, config.shape, _read_weights(folder)),
        vocabulary,
        config.rope_theta,
        config.norm_epsilon,
    )
    model.check()
    return model


def read_json(file: Path) -> dict[str, Any]:
    """An object in a file. Raises ModelFileError."""
    try:
        content = json.loads(read_content(file))
    except (ValueError, RecursionError):
        raise ModelFileError(f"{file} is not JSON.") from None
    if not isinstance(content, dict):
        raise ModelFileError(f"{file} does not hold a JSON object.")
    return content


def _read_config(file: Path) -> _Config:
    config = read_json(file)
    try:
        _require_llama(file, config)
        return _Config(
            _shape(file, config),
            _rope_theta(file, config),
            float(config.get("rms_norm_eps", 1e-6)),
            _token(config.get("bos_token_id", 1)),
            _token(config.get("eos_token_id", 2)),
        )
    except KeyError as error:
        raise ModelFileError(f"{file} does not say {error.args[0]}.") from None
    except (AttributeError, IndexError, OverflowError, TypeError, ValueError):
        raise ModelFileError(f"{file} has a value of the wrong type.") from None


def _require_llama(file: Path, config: Mapping[str, Any]) -> None:
    kinds = config.get("architectures") or [config.get("model_type")]
    if kinds not in (["LlamaForCausalLM"], ["llama"]):
        describes = f"a {kinds[0]}" if kinds[0] else "a model of no architecture"
        raise ModelFileError(
            f"{file} describes {describes}.", "Only models of LlamaForCausalLM can be pushed."
        )
    for key, usual, what in (
        ("hidden_act", "silu", "another activation than silu"),
        ("attention_bias", False, "biases in its attention"),
        ("mlp_bias", False, "biases in its MLP"),
        ("quantization_config", None, "quantised weights"),
    ):
        if config.get(key, usual) != usual:
            raise ModelFileError(
                f"{file} has {what} ({key} is {config[key]!r}).", "No board can run such a model."
            )


def _shape(file: Path, config: Mapping[str, Any]) -> LlamaShape:
    heads = int(config["num_attention_heads"])
    shape = LlamaShape(
        n_layer=int(config["num_hidden_layers"]),
        n_embd=int(config["hidden_size"]),
        n_head=heads,
        n_kv_head=int(config.get("num_key_value_heads") or heads),
        n_hidden=int(config["intermediate_size"]),
        vocab_size=int(config["vocab_size"]),
        context=min(int(config["max_position_embeddings"]), MOST_PER_DIMENSION),
        tied_classifier=bool(config.get("tie_word_embeddings", False)),
    )
    shape.check()
    if (config.get("head_dim") or shape.head_dim) != shape.head_dim:
        raise ModelFileError(
            f"{file} has heads of width {config['head_dim']}; only {shape.head_dim}, the width of "
            "the model by the number of heads, is supported."
        )
    parameters = sum(int(np.prod(size)) for size in shape.tensors().values())
    if parameters > MOST_PARAMETERS:
        raise ModelFileError(
            f"The model of {file.parent} has {parameters:,} parameters, far too many for a board.",
            "Take one of at most about a million; stories260K is one.",
        )
    return shape


def _rope_theta(file: Path, config: Mapping[str, Any]) -> float:
    """Position embeddings that are scaled, as for longer contexts, are refused."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise ModelFileError(
            f"{file} scales its position embeddings ({kind}).", "No board can run such a model."
        )
    return float(rope.get("rope_theta", config.get("rope_theta", 10000.0)))


def _token(value: Any) -> int:
    """Some models have several ends of a text, of which the first is the usual one."""
    return int(value[0] if isinstance(value, list) else value)


def _read_weights(folder: Path) -> dict[str, Floats]:
    """All tensors of one file, or of the files that an index names."""
    if not (folder / _INDEX).exists():
        return _read_safetensors(folder / _WEIGHTS)
    places = read_json(folder / _INDEX).get("weight_map")
    named = list(places.values()) if isinstance(places, dict) else [None]
    files = {name for name in named if isinstance(name, str) and _is_file_name(name)}
    if not all(isinstance(name, str) and name in files for name in named):
        raise ModelFileError(f"{folder / _INDEX} does not name files of its folder.")
    tensors: dict[str, Floats] = {}
    for name in sorted(files):
        tensors |= _read_safetensors(folder / name)
    return tensors


def _is_file_name(name: str) -> bool:
    return Path(name).name == name and "\0" not in name


def _read_safetensors(file: Path) -> dict[str, Floats]:
    advice = "Weights must be in the safetensors format." if file.name == _WEIGHTS else ""
    content = read_content(file, advice)
    try:
        entries = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{file} is damaged, or no file of safetensors ({error}).") from None
    return {
        name: _floats(file, name, entry["dtype"], entry["data"]).reshape(entry["shape"])
        for name, entry in entries
        if not name.endswith(_WITHOUT_WEIGHTS)
    }


def _floats(file: Path, name: str, kind: str, data: bytes) -> Floats:
    if kind == "F32":
        return np.frombuffer(data, "<f4").astype(np.float32)
    if kind == "F16":
        return np.frombuffer(data, "<f2").astype(np.float32)
    if kind == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    raise ModelFileError(
        f"{name} in {file} is stored as {kind}.", "Only F32, F16 and BF16 can be converted."
    )


def _named(folder: Path, shape: LlamaShape, theirs: dict[str, Floats]) -> dict[str, Floats]:
    """The tensors by the names of the image."""
    wanted = shape.tensors()
    names = {name: _their_name(name) for name in wanted}
    unknown = theirs.keys() - set(names.values()) - {_OUTSIDE_LAYERS["classifier"]}
    if unknown:
        raise ModelFileError(
            f"{folder} has a tensor that a LlamaForCausalLM of its shape has not: {min(unknown)}."
        )
    ours = {}
    for name, their_name in names.items():
        if their_name not in theirs:
            raise ModelFileError(f"{folder} lacks the tensor {their_name}.")
        values = theirs[their_name]
        if values.shape != wanted[name]:
            raise ModelFileError(
                f"{their_name} in {folder} has the shape {_sizes(values.shape)}; by {CONFIG} it "
                f"would be {_sizes(wanted[name])}."
            )
        if name.endswith(("wq", "wk")):
            values = _neighbouring_pairs(values, shape.head_dim)
        ours[name] = values
    return ours


def _their_name(name: str) -> str:
    if name in _OUTSIDE_LAYERS:
        return _OUTSIDE_LAYERS[name]
    _, number, tensor = name.split(".")
    return f"model.layers.{number}.{_IN_LAYER[tensor]}.weight"


def _neighbouring_pairs(values: Floats, head_dim: int) -> Floats:
    """Rows of queries or keys in the order of the image.

    Position embeddings turn pairs of rows of a head. Here a pair is row i and row i + head_dim / 2,
    in the image rows 2 i and 2 i + 1.
    """
    rows, cols = values.shape
    halves = values.reshape(rows // head_dim, 2, head_dim // 2, cols)
    return np.ascontiguousarray(halves.transpose(0, 2, 1, 3).reshape(rows, cols))


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
