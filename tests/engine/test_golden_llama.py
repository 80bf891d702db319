"""One image of a model, one digest of its logits and of its text: on every compiler, set of kernels
and processor, those of tests/data/golden_llama.json.

A failing test shows the digests it found. The golden ones change only where docs/numerics.md or
docs/model-image.md does.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from engine_builds import NATIVE, OTHER_PROCESSORS, Build, Workshop
from llama_driver import PROGRAM, Driver
from llama_models import ROOT, SHAPES, ImageFile, random_model, stories

from ugpt.models.layouts import TensorFormat

GOLDEN = json.loads((ROOT / "tests" / "data" / "golden_llama.json").read_text())
TEXT_TOKENS = 96


def digests(driver: Driver, folder: Path, name: str, kernels: str) -> dict[str, str]:
    """SHA-256 of the image, of every logit of the likeliest text, and of its tokens."""
    model_name, _, layout = name.rpartition(" ")
    if model_name == "stories260K":
        model, prompt, context = stories(), [1, 403, 407, 261, 378], TEXT_TOKENS
    else:
        model, prompt = random_model(SHAPES[model_name]), [1, 260, 5]
        context = model.shape.context
    image = ImageFile.make(folder, model, TensorFormat[layout])
    tokens = driver.greedy(image.path, kernels, context, prompt)
    logits = driver.logits(image.path, kernels, context, tokens)
    content = {
        "image_sha256": image.path.read_bytes(),
        "logits_sha256": logits.astype("<f4").tobytes(),
        "text_sha256": np.array(tokens, "<u4").tobytes(),
    }
    return {key: hashlib.sha256(value).hexdigest() for key, value in content.items()}


def check(builds: Workshop, folder: Path, build: Build, name: str, kernels: str) -> None:
    if missing := build.missing():
        pytest.skip(missing)
    driver = Driver(builds.command(build, PROGRAM))
    if kernels not in (available := driver.kernels()):
        pytest.skip(f"{build.name} has {', '.join(available)}, not {kernels}")
    assert digests(driver, folder, name, kernels) == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("kernels", ["scalar", "avx2"])
@pytest.mark.parametrize("build", NATIVE, ids=lambda build: build.name)
def test_this_computer(
    builds: Workshop, tmp_path: Path, build: Build, kernels: str, name: str
) -> None:
    check(builds, tmp_path, build, name, kernels)


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("build", NATIVE[1:2], ids=lambda build: build.name)
def test_plain_reference(builds: Workshop, tmp_path: Path, build: Build, name: str) -> None:
    check(builds, tmp_path, build, name, "reference")


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("kernels", ["scalar", "dsp"])
@pytest.mark.parametrize("build", OTHER_PROCESSORS, ids=lambda build: build.name)
def test_other_processor(
    builds: Workshop, tmp_path: Path, build: Build, kernels: str, name: str
) -> None:
    check(builds, tmp_path, build, name, kernels)
