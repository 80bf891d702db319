"""Hugging Face folders: the same image as from llama2.c files, or a clear refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_models import SHAPES, random_model, stories

from tests.support.huggingface import bfloat16, write_folder
from ugpt.models.errors import ModelFileError
from ugpt.models.image import write_image
from ugpt.models.layouts import TensorFormat
from ugpt.models.model import LanguageModel, LlamaShape
from ugpt.models.reading import read_model
from ugpt.wording import command


def model_of(shape: LlamaShape) -> LanguageModel:
    """With the scores that SentencePiece gives."""
    model = random_model(shape)
    count = len(model.vocabulary.pieces)
    scores = tuple(-float(i - 259) if i >= 259 else 0.0 for i in range(count))
    return replace(model, vocabulary=replace(model.vocabulary, scores=scores))


SMALL = model_of(SHAPES["small"])


def assert_same(found: LanguageModel, wanted: LanguageModel) -> None:
    for layout in (TensorFormat.F32, TensorFormat.Q8):
        assert write_image(found, layout, "m").content == write_image(wanted, layout, "m").content


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("name", SHAPES)
def test_the_image_is_that_of_llama2c(tmp_path: Path, name: str, shards: int) -> None:
    model = model_of(SHAPES[name])
    assert_same(read_model(write_folder(tmp_path / "m", model, shards=shards), None), model)


def test_stories_from_either_side(tmp_path: Path) -> None:
    model = stories()
    assert_same(read_model(write_folder(tmp_path / "m", model, shards=2), None), model)


@pytest.mark.parametrize(
    ("dtype", "rounded"),
    [("F16", lambda v: v.astype(np.float16).astype(np.float32)), ("BF16", bfloat16)],
)
def test_weights_of_two_bytes(
    tmp_path: Path, dtype: str, rounded: Callable[[np.ndarray], np.ndarray]
) -> None:
    tensors = {name: rounded(values) for name, values in SMALL.tensors.items()}
    found = read_model(write_folder(tmp_path / "m", SMALL, dtype=dtype), None)
    assert_same(found, replace(SMALL, tensors=tensors))


def test_other_constants(tmp_path: Path) -> None:
    model = replace(SMALL, rope_theta=500000.0, norm_epsilon=1e-6)
    assert_same(read_model(write_folder(tmp_path / "m", model), None), model)
    newer = {"rope_type": "default", "rope_theta": 500000.0}
    folder = write_folder(
        tmp_path / "n", model, config=lambda c: c.update(rope_theta=1, rope_parameters=newer)
    )
    assert_same(read_model(folder, None), model)


def test_what_a_config_does_not_say_is_as_transformers_has_it(tmp_path: Path) -> None:
    model = replace(SMALL, rope_theta=10000.0, norm_epsilon=1e-6)

    def silent(content: dict[str, Any]) -> None:
        for name in ("rms_norm_eps", "rope_theta", "bos_token_id", "eos_token_id"):
            content.pop(name, None)

    assert_same(read_model(write_folder(tmp_path / "m", model, config=silent), None), model)


def test_a_metaspace_does_as_well(tmp_path: Path) -> None:
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    folder = write_folder(
        tmp_path / "m",
        SMALL,
        tokenizer=lambda t: t.update(normalizer=None, pre_tokenizer=metaspace),
    )
    assert_same(read_model(folder, None), SMALL)


def test_merges_in_another_order_than_tokens(tmp_path: Path) -> None:
    """The board merges in their order, whatever the tokens are called."""
    folder = write_folder(tmp_path / "m", SMALL, tokenizer=lambda t: t["model"]["merges"].reverse())
    vocabulary = read_model(folder, None).vocabulary
    made = [i for i, piece in enumerate(vocabulary.pieces) if i >= 259 and len(piece) == 2]
    ranked = sorted(made, key=lambda i: -vocabulary.scores[i])
    assert ranked == made[::-1]


def setting(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: content.update(values)


def in_model(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["model"].update(values)


CONFIGS: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (setting(architectures=["MistralForCausalLM"]), "describes a MistralForCausalLM"),
    (
        lambda config: (config.pop("architectures", None), config.pop("model_type", None)),
        "describes a model of no architecture",
    ),
    (setting(hidden_act="gelu"), "another activation than silu"),
    (setting(attention_bias=True), "biases in its attention"),
    (setting(mlp_bias=True), "biases in its MLP"),
    (setting(quantization_config={"bits": 4}), "quantised weights"),
    (setting(rope_scaling={"type": "linear", "factor": 2}), "scales its position embeddings"),
    (setting(rope_scaling={"rope_type": "llama3"}), "(llama3)"),
    (setting(head_dim=16), "heads of width 16"),
    (setting(num_attention_heads=5), "cannot be divided into 5 heads"),
    (setting(num_hidden_layers=3), "lacks the tensor model.layers.2"),
    (setting(num_hidden_layers=1), "has a tensor that a LlamaForCausalLM of its shape has not"),
    (setting(intermediate_size=45), "44 x 32; by config.json it would be 45 x 32"),
    (setting(vocab_size=301), "has 300 tokens, the model 301"),
    (setting(hidden_size=4096, num_hidden_layers=32), "far too many for a board"),
    (setting(rms_norm_eps=0), "The epsilon of the norms is 0"),
    (setting(rope_theta=-1), "The base of the position embeddings is -1"),
    (setting(hidden_size="wide"), "a value of the wrong type"),
    (setting(architectures=5), "a value of the wrong type"),
    (lambda content: content.pop("hidden_size"), "does not say hidden_size"),
]
TOKENIZERS: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (in_model(type="Unigram"), "not byte-pair encoding with byte fall-back"),
    (in_model(byte_fallback=False), "not byte-pair encoding with byte fall-back"),
    (in_model(ignore_merges=True), "does not always merge"),
    (setting(normalizer={"type": "NFKC"}), "changes texts before it encodes them (NFKC)"),
    (setting(normalizer=None), "does not put a blank before a text"),
    (setting(pre_tokenizer={"type": "ByteLevel"}), "(ByteLevel)"),
    (lambda t: t["model"]["merges"].pop(), "it never merges"),
    (lambda t: t["model"]["merges"].append("q z"), "merges pieces that it does not have"),
    (lambda t: t["model"]["vocab"].pop("<0x41>"), "not numbered from 0 on"),
    (lambda t: t["added_tokens"].append({"id": 300, "content": "<pad>"}), "has 301 tokens"),
    (lambda t: t["model"]["vocab"].update({"\ud800": 300}), "not a Hugging Face tokenizer"),
    (lambda t: t.pop("model"), "not a Hugging Face tokenizer"),
]


@pytest.mark.parametrize(("change", "said"), CONFIGS, ids=[said for _, said in CONFIGS])
def test_other_models_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    with pytest.raises(ModelFileError) as caught:
        read_model(write_folder(tmp_path / "m", SMALL, config=change), None)
    assert said in str(caught.value)


@pytest.mark.parametrize("change,said", TOKENIZERS)  # noqa: PT006
def test_other_tokenizers_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    with pytest.raises(ModelFileError) as caught:
        read_model(write_folder(tmp_path / "m", SMALL, tokenizer=change), None)
    assert said in str(caught.value)


def test_tensors_that_are_refused(tmp_path: Path) -> None:
    bias = np.zeros(32, np.float32)
    nan = np.full(32, np.nan, np.float32)
    for change, said in (
        (setting(**{"model.layers.0.self_attn.q_proj.bias": bias}), "q_proj.bias"),
        (setting(**{"model.norm.weight": nan}), "not a finite number"),
    ):
        with pytest.raises(ModelFileError) as caught:
            read_model(write_folder(tmp_path / "m", SMALL, tensors=change), None)
        assert said in str(caught.value)


def test_files_that_are_missing_or_damaged(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "m", SMALL)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    for broken, said in (
        (None, "is damaged, or no file of safetensors"),
        ("model.safetensors", "Cannot read"),
        ("tokenizer.json", "Cannot read"),
        ("config.json", "is not a Hugging Face model"),
    ):
        if broken is not None:
            (folder / broken).unlink()
        with pytest.raises(ModelFileError) as caught:
            read_model(folder, None)
        assert said in str(caught.value)


def test_an_index_that_leads_out_of_the_folder(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "m", SMALL, shards=2)
    index = folder / "model.safetensors.index.json"
    index.write_text(index.read_text().replace("model-00001", "../model-00001"))
    with pytest.raises(ModelFileError) as caught:
        read_model(folder, None)
    assert "does not name files of its folder" in str(caught.value)


@pytest.mark.parametrize("entry", [["x"], "x\0y", 5, None, "", ".."])
def test_an_index_that_names_no_file(tmp_path: Path, entry: object) -> None:
    folder = write_folder(tmp_path / "m", SMALL, shards=2)
    content = json.dumps({"weight_map": {"a": entry}})
    (folder / "model.safetensors.index.json").write_text(content)
    with pytest.raises(ModelFileError):
        read_model(folder, None)


def test_runs_of_ugpt_are_loaded_not_pushed(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(ModelFileError) as caught:
        read_model(tmp_path, None)
    assert "it is loaded, not pushed" in caught.value.message
    assert caught.value.advice == f"To put it on a board: {command('load', tmp_path)}"
