"""Inference: every set of kernels against the plain reference bit for bit, the plain reference
against float64, and what quantisation costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_builds import BUILDS, Build, Workshop
from llama_driver import PROGRAM, Driver
from llama_models import SHAPES, ImageFile, random_model, stories
from llama_reference import Reference

from ugpt.models.layouts import TensorFormat
from ugpt.models.model import LanguageModel

FORMATS = (TensorFormat.F32, TensorFormat.Q8)
NATIVE = tuple(build for build in BUILDS if build.name == "g++-O2")
OTHERS = tuple(build for build in BUILDS if build.emulator)


def driver_of(builds: Workshop, build: Build) -> Driver:
    if missing := build.missing():
        pytest.skip(missing)
    return Driver(builds.command(build, PROGRAM))


@pytest.mark.parametrize("layout", FORMATS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("build", NATIVE + OTHERS, ids=lambda build: build.name)
def test_every_set_of_kernels(
    builds: Workshop, tmp_path: Path, build: Build, name: str, layout: TensorFormat
) -> None:
    """Every logit of a text that fills the context."""
    driver = driver_of(builds, build)
    image = ImageFile.make(tmp_path, random_model(SHAPES[name]), layout)
    context = SHAPES[name].context
    tokens = [7 * i * i % SHAPES[name].vocab_size for i in range(context)]
    *sets, reference = driver.kernels()
    assert "scalar" in sets
    wanted = driver.logits(image.path, reference, context, tokens)
    assert np.isfinite(wanted).all()
    for kernels in sets:
        found = driver.logits(image.path, kernels, context, tokens)
        assert found.tobytes() == wanted.tobytes(), kernels


@pytest.mark.parametrize("layout", FORMATS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("build", NATIVE, ids=lambda build: build.name)
def test_close_to_float64(
    builds: Workshop, tmp_path: Path, build: Build, name: str, layout: TensorFormat
) -> None:
    """With the weights that the format leaves, what remains is rounding of activations."""
    driver = driver_of(builds, build)
    image = ImageFile.make(tmp_path, random_model(SHAPES[name]), layout)
    context = SHAPES[name].context
    tokens = [11 * i * i % SHAPES[name].vocab_size for i in range(context)]
    found = driver.logits(image.path, driver.kernels()[0], context, tokens)
    reference = Reference(image.model)
    wanted = np.array([reference.next(token) for token in tokens])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=5e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("build", NATIVE, ids=lambda build: build.name)
def test_weights_that_overflow_give_no_number(
    builds: Workshop, tmp_path: Path, build: Build
) -> None:
    """Every set of kernels agrees which logits are finite, and nothing undefined happens."""
    driver = driver_of(builds, build)
    model = random_model(SHAPES["small"])
    model.tensors["layers.0.w2"][:] *= np.float32(1e38)
    for layout in FORMATS:
        image = ImageFile.make(tmp_path, model, layout)
        found = [driver.logits(image.path, kernels, 48, [5, 6, 7]) for kernels in driver.kernels()]
        assert not np.isfinite(found[0][-1]).any()
        for other in found[1:]:
            np.testing.assert_array_equal(np.isnan(other), np.isnan(found[0]))


# stories260K

BEGINNING = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball. She wanted to play with it, but it was too high."
)
PROMPTS = ("Once upon a time", "", "Tom and Sue went to", "The dog was very hungry. He")


def text_of(driver: Driver, image: ImageFile, tokens: list[int]) -> str:
    return b"".join(driver.decode(image.path, tokens[1:])).decode()


@pytest.mark.parametrize("build", NATIVE, ids=lambda build: build.name)
def test_greedy_texts_are_those_of_float64(builds: Workshop, tmp_path: Path, build: Build) -> None:
    model = stories()
    driver = driver_of(builds, build)
    image = ImageFile.make(tmp_path, model, TensorFormat.F32)
    for prompt, tokens in zip(
        PROMPTS, driver.encode(image.path, [p.encode() for p in PROMPTS]), strict=True
    ):
        found = driver.greedy(image.path, driver.kernels()[0], 256, tokens)
        assert found == Reference(model).greedy(tokens, 256), prompt
        text = text_of(driver, image, found)
        assert text.startswith(BEGINNING if prompt == PROMPTS[0] else prompt)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def draw_story(model: LanguageModel, seed: int) -> list[int]:
    """A story drawn at a temperature of 1, from BOS on to the next one or 128 tokens."""
    rng = np.random.Generator(np.random.PCG64(seed))
    reference = Reference(model)
    tokens = [1]
    while len(tokens) < 128:
        powers = np.exp(log_softmax(reference.next(tokens[-1])))
        tokens.append(int(np.searchsorted(powers.cumsum(), rng.random() * powers.sum())))
        if tokens[-1] == 1:
            break
    return tokens


@pytest.mark.parametrize("build", NATIVE, ids=lambda build: build.name)
def test_what_quantisation_costs(builds: Workshop, tmp_path: Path, build: Build) -> None:
    """Over 50 stories: at most 0.001 nats of KL on average, and 0.5% of perplexity."""
    model = stories()
    driver = driver_of(builds, build)
    images = [ImageFile.make(tmp_path, model, layout) for layout in FORMATS]
    kernels = driver.kernels()[0]
    divergence, losses = [], []
    for seed in range(50):
        story = draw_story(model, seed)
        exact, quantised = (
            log_softmax(driver.logits(image.path, kernels, 256, story)) for image in images
        )
        divergence.append((np.exp(exact) * (exact - quantised)).sum(axis=-1))
        behind = np.arange(len(story) - 1), story[1:]
        losses.append(np.stack([-exact[behind], -quantised[behind]], axis=-1))
    f32_loss, q8_loss = np.concatenate(losses).mean(axis=0)
    assert np.concatenate(divergence).mean() <= 0.001
    assert np.exp(q8_loss - f32_loss) <= 1.005
