"""Exported runs, each used by a program that has nothing to do with ugpt.

What they print is compared with what a virtual board prints, and their losses with its losses.
"""

from __future__ import annotations

import json
import random
import shlex
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from tests.support import tools
from tests.support.commands import CommandLine
from tests.support.exported import SEED, WARM, Trained, train_names, train_odd
from ugpt.device.tensors import tensor_shapes
from ugpt.errors import UgptError
from ugpt.export.errors import ExportError
from ugpt.export.formats import Format, export
from ugpt.runs.checkpoint import weights_digest
from ugpt.runs.folder import Run

ASKED = ("40", str(SEED), str(WARM))
STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")
MODELS = {"names": train_names, "odd": train_odd}


@pytest.fixture(scope="module", params=list(MODELS))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return MODELS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_names(tmp_path_factory.mktemp("names"))


def exported(trained: Trained, to: Format, folder: Path, name: str) -> Path:
    return export(trained.run, to, folder / name)[0]


# C


def built(
    compiler: str, source: Path, *options: str, with_strict: tuple[str, ...] = STRICT
) -> Path:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    program = source.with_suffix("")
    tools.run(compiler, *with_strict, *options, "-o", program, source)
    return program


@pytest.mark.parametrize(
    "options",
    [
        # It traps: Debian's clang has the library that would say why in a package of its own.
        ("-std=c99", "-O0", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"),
        ("-std=c11", "-O3", "-march=native", "-ffp-contract=fast"),
    ],
    ids=["plain", "fused"],
)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_c_prints_what_the_board_prints(
    trained: Trained, compiler: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    program = built(compiler, exported(trained, Format.C, tmp_path, "gpt.c"), *options)
    assert tools.run(program, *ASKED).splitlines() == trained.warm
    assert tools.run(program, "1", "0", "0").splitlines() == [trained.greedy]
    samples = (trained.run.path / "samples.txt").read_text()
    assert tools.run(program) == samples


@pytest.mark.parametrize(
    ("compiler", "emulator", "options"),
    [
        ("arm-linux-gnueabihf-g++", "qemu-arm", ("-mfpu=vfpv4", "-O2")),
        ("riscv64-linux-gnu-g++", "qemu-riscv64", ("-O2",)),
    ],
)
def test_c_on_other_processors(
    trained: Trained, compiler: str, emulator: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    if shutil.which(emulator) is None:
        pytest.skip(f"{emulator} is not installed")
    source = exported(trained, Format.C, tmp_path, "gpt.c")
    options = ("-x", "c", *options, "-static")
    program = built(compiler.replace("g++", "gcc"), source, *options)
    assert tools.run(emulator, program, *ASKED).splitlines() == trained.warm


WRONG = [
    ["-1"], ["x"], ["1", "1.5"], ["1", "2", "hot"], ["1", "2", "101"], ["1", "2", "nan"],
    ["1", "2", "0.5", "4"],
]  # fmt: skip


def says_what_it_cannot_read(*program: str | Path) -> bool:
    for wrong in WRONG:
        done = subprocess.run([*program, *wrong], capture_output=True, text=True, check=False)
        assert (done.returncode > 0, done.stdout) == (True, "")
        assert done.stderr.count("\n") == 1, done.stderr
    return True


def test_c_says_what_it_cannot_read(names: Trained, tmp_path: Path) -> None:
    program = built("gcc", exported(names, Format.C, tmp_path, "gpt.c"))
    assert says_what_it_cannot_read(program)


def test_c_refuses_fast_math(names: Trained, tmp_path: Path) -> None:
    source = exported(names, Format.C, tmp_path, "gpt.c")
    with pytest.raises(tools.ToolFailed, match="-ffast-math changes the texts"):
        built("gcc", source, "-ffast-math")


# Numbers whose product and sum lie near the middle of two floats: there rounding twice goes wrong.


def rounded(value: Fraction) -> float:
    """The float nearest to an exact number, by whole-number arithmetic alone."""
    if not value:
        return 0.0
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** max(exponent - 23, -149)
    return float(round(value / unit) * unit)  # round() of a fraction takes ties to even


def f32(x: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", x))[0])


def hard_cases() -> Iterator[tuple[float, float, float]]:
    drawn = random.Random(1)
    for _ in range(3000):
        c = f32(drawn.uniform(1, 2) * 2.0 ** drawn.randint(-3, 3))
        half = 2.0**-24 * 2.0 ** (int(np.frexp(c)[1]) - 1)  # half of the last bit of c
        a = f32(1.0 + drawn.choice([-1, 0, 1, 3]) * 2.0**-23)
        b = f32(half * (1.0 + drawn.choice([-1, 0, 1, 2]) * 2.0**-23))
        yield drawn.choice([1, -1]) * a, b, drawn.choice([1, -1]) * c
        yield tuple(f32(drawn.gauss(0, 1) * 10.0 ** drawn.randint(-9, 9)) for _ in range(3))  # type: ignore[misc]
        tiny = f32(drawn.randint(1, 2**20) * 2.0**-149)
        yield f32(drawn.uniform(0.5, 1)), tiny, f32(drawn.choice([0.0, 2.0**-149, -tiny]))


CASES = list(hard_cases())
EXACT = [rounded(Fraction(a) * Fraction(b) + Fraction(c)) for a, b, c in CASES]


def test_the_cases_are_hard() -> None:
    twice = [f32(a * b + c) for a, b, c in CASES]
    assert sum(x != y for x, y in zip(twice, EXACT, strict=True)) > 100


def test_fma_in_python_rounds_once(names: Trained, tmp_path: Path) -> None:
    source = exported(names, Format.MICROGPT, tmp_path, "gpt.py").read_text()
    values: dict[str, object] = {"__name__": "gpt"}
    exec(compile(source, "gpt.py", "exec"), values)
    fma = values["fma"]
    assert callable(fma)
    assert [fma(*case) for case in CASES] == EXACT


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_fma_in_c_rounds_once(names: Trained, compiler: str, tmp_path: Path) -> None:
    exported(names, Format.C, tmp_path, "gpt.c")
    driver = tmp_path / "driver.c"
    driver.write_text(
        "#define main gpt_main\n"
        '#include "gpt.c"\n'
        "#undef main\n"
        "int main(void) {\n"
        "    float abc[3];\n"
        "    while (fread(abc, sizeof abc, 1, stdin) == 1) {\n"
        '        printf("%.9g\\n", (double)fma_rounded_once(abc[0], abc[1], abc[2]));\n'
        "    }\n"
        "    return 0;\n"
        "}\n"
    )
    program = built(compiler, driver, "-O3", "-march=native", "-ffp-contract=fast")
    packed = b"".join(struct.pack("=3f", *case) for case in CASES)
    done = subprocess.run([program], input=packed, capture_output=True, check=True, timeout=60)
    assert [f32(float(line)) for line in done.stdout.splitlines()] == EXACT


# Python


def test_microgpt_prints_what_the_board_prints(trained: Trained, tmp_path: Path) -> None:
    program = exported(trained, Format.MICROGPT, tmp_path, "gpt.py")
    alone = (sys.executable, "-I", "-S")  # nothing but the standard library is in reach
    variables = {"PYTHONIOENCODING": "ascii"}
    assert tools.run(*alone, program, *ASKED, variables=variables).splitlines() == trained.warm
    assert tools.run(*alone, program, "1", "0", "0").splitlines() == [trained.greedy]
    assert tools.run(*alone, program) == (trained.run.path / "samples.txt").read_text()


def test_microgpt_says_what_it_cannot_read(names: Trained, tmp_path: Path) -> None:
    program = exported(names, Format.MICROGPT, tmp_path, "gpt.py")
    assert says_what_it_cannot_read(sys.executable, program)


def test_microgpt_ends_with_its_reader(names: Trained, tmp_path: Path) -> None:
    program = exported(names, Format.MICROGPT, tmp_path, "gpt.py")
    command = shlex.join([sys.executable, str(program), "100000"])
    script = f"{command} | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (141, "")


# PyTorch


@pytest.fixture(scope="module")
def torch_python() -> str:
    """A Python that has PyTorch: the one of the tests, or Debian's."""
    for python in (sys.executable, "/usr/bin/python3"):
        if shutil.which(python):
            asked = [python, "-c", "import torch"]
            if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
                return python
    pytest.skip("PyTorch is not installed (on Debian: apt install python3-torch)")


LOSSES = """
import json, sys, torch
from gpt import GPT
model = GPT.load("gpt.safetensors")
losses = []
for text in json.load(sys.stdin):
    tokens = [model.bos, *model.encode(text[: model.block_size]), model.bos]
    tokens = tokens[: model.block_size + 1]
    shares = model(torch.tensor([tokens[:-1]]))[0].log_softmax(-1)
    losses.append([-float(share[token]) for share, token in zip(shares, tokens[1:])])
print(json.dumps(losses))
"""


def test_torch_computes_what_the_board_computes(
    trained: Trained, torch_python: str, tmp_path: Path
) -> None:
    files = export(trained.run, Format.TORCH, tmp_path / "gpt.py")
    assert files == [tmp_path / "gpt.py", tmp_path / "gpt.safetensors"]
    done = subprocess.run(
        [torch_python, "-c", LOSSES],
        input=json.dumps(trained.documents),
        capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    losses = json.loads(done.stdout)
    assert [len(each) for each in losses] == [len(each) for each in trained.token_losses]
    for ours, theirs in zip(losses, trained.token_losses, strict=True):
        assert np.abs(np.array(ours) - np.array(theirs)).max() < 1e-5
    greedy = tools.run(torch_python, files[0], "1", "0", "0", timeout_s=120)
    assert greedy.splitlines() == [trained.greedy]
    warm = [tools.run(torch_python, files[0], "9", "3", timeout_s=120) for _ in range(2)]
    assert warm[0] == warm[1]
    assert len(warm[0].splitlines()) == 9


def test_torch_says_what_it_cannot_read(names: Trained, torch_python: str, tmp_path: Path) -> None:
    program = exported(names, Format.TORCH, tmp_path, "gpt.py")
    assert says_what_it_cannot_read(torch_python, program)


LOGITS = """
import json, runpy, sys, torch
from gpt import GPT
board = runpy.run_path("board.py")
model = GPT.load("gpt.safetensors")
layers = range(board["n_layer"])
for text in json.load(sys.stdin):
    tokens = [model.bos, *model.encode(text)][: model.block_size]
    keys, values = [[] for _ in layers], [[] for _ in layers]
    exact = [board["gpt"](token, t, keys, values) for t, token in enumerate(tokens)]
    print(float((model(torch.tensor([tokens]))[0] - torch.tensor(exact)).abs().max()))
"""


def test_logits_of_torch_are_those_of_the_board(
    trained: Trained, torch_python: str, tmp_path: Path
) -> None:
    """The exported microgpt, which draws what the board draws, has the board's logits."""
    export(trained.run, Format.TORCH, tmp_path / "gpt.py")
    export(trained.run, Format.MICROGPT, tmp_path / "board.py")
    done = subprocess.run(
        [torch_python, "-c", LOGITS],
        input=json.dumps(trained.documents[:5]),
        capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    differences = [float(line) for line in done.stdout.splitlines()]
    assert len(differences) == 5
    assert max(differences) < 1e-5


# Weights


def test_npz(trained: Trained, tmp_path: Path) -> None:
    with np.load(exported(trained, Format.NPZ, tmp_path, "weights.npz")) as archive:
        arrays = dict(archive)
    shape = trained.run.config.shape
    assert "".join(map(chr, arrays.pop("vocabulary"))) == trained.characters
    assert arrays.pop("n_head") == shape.n_head
    assert arrays.pop("step") == 150
    assert arrays.pop("run") == "run"
    assert json.loads(arrays.pop("recipe").item())["total_steps"] == 150
    assert {name: values.shape for name, values in arrays.items()} == tensor_shapes(shape)
    assert weights_digest(arrays) == (trained.run.path / "weights.sha256").read_text().strip()


def test_safetensors(trained: Trained, tmp_path: Path) -> None:
    file = exported(trained, Format.SAFETENSORS, tmp_path, "weights.safetensors")
    with safetensors.safe_open(file, "np") as opened:
        metadata = opened.metadata()
    assert metadata["vocabulary"] == trained.characters
    assert metadata["step"] == "150"
    assert metadata["run"] == "run"
    assert json.loads(metadata["recipe"])["total_steps"] == 150
    assert json.loads(metadata["shape"])["n_layer"] == trained.run.config.shape.n_layer
    tensors = safetensors.numpy.load_file(file)
    ordered = {name: tensors[name] for name in tensor_shapes(trained.run.config.shape)}
    assert weights_digest(ordered) == (trained.run.path / "weights.sha256").read_text().strip()


# TensorBoard


def records(content: bytes) -> Iterator[bytes]:
    """Of a TFRecord file: a length, its checksum, the record, its checksum."""
    while content:
        (length,) = struct.unpack_from("<Q", content)
        yield content[12 : 12 + length]
        content = content[16 + length :]


def test_tensorboard(names: Trained, tmp_path: Path) -> None:
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    file = exported(names, Format.TENSORBOARD, tmp_path, "logs")
    assert file.parent == tmp_path / "logs"
    assert "tfevents" in file.name
    losses = {}
    for record in records(file.read_bytes()):
        event = event_pb2.Event.FromString(record)
        for value in event.summary.value:
            assert value.tag == "loss/training"
            losses[event.step] = value.simple_value
    assert losses == dict(enumerate(names.run.metrics.losses, start=1))


# What cannot be exported


def test_the_command_writes_beside_nothing_that_is_there(
    cli: CommandLine, names: Trained, tmp_path: Path
) -> None:
    said = cli("export", names.run.path, "--to", "torch")
    assert said == "wrote run_torch.py and run_torch.safetensors\n"
    (tmp_path / "run_torch.py").unlink()
    before = (tmp_path / "run_torch.safetensors").stat()
    refused = cli.refused("export", names.run.path, "--to", "torch")
    assert "run_torch.safetensors exists already" in refused
    assert (tmp_path / "run_torch.safetensors").stat() == before
    assert not (tmp_path / "run_torch.py").exists()
    told = cli("export", names.run.path, "--to", "torch", "--overwrite", "--json")
    assert json.loads(told) == {"files": ["run_torch.py", "run_torch.safetensors"]}
    said = cli("export", names.run.path, "--to", "torch", "--out", "v1.2")
    assert said == "wrote v1.2.py and v1.2.safetensors\n"


def test_a_run_without_weights(cli: CommandLine, names: Trained, tmp_path: Path) -> None:
    (tmp_path / "R").mkdir()
    assert "R is not a run folder" in cli.refused("export", "R", "--to", "c")
    shutil.copy(names.run.path / "config.toml", tmp_path / "R")
    said = cli.refused("export", "R", "--to", "c")
    assert "R holds no weights: the run was not saved yet." in said
    assert "ugpt train --resume R" in said
    with Run.open(tmp_path / "R").alone():
        said = cli.refused("export", "R", "--to", "c")
    assert "R holds no weights yet: the run is being trained. Wait" in said
    assert "R has no losses yet" in cli.refused("export", "R", "--to", "tensorboard")
    assert {path.name for path in tmp_path.iterdir()} - {"state", "mpl"} == {"R"}


@pytest.mark.parametrize("to", [Format.C, Format.MICROGPT])
def test_weights_that_no_text_holds(names: Trained, to: Format, tmp_path: Path) -> None:
    run = names.run
    checkpoint = run.read_checkpoint(tensor_shapes(run.config.shape))
    assert checkpoint is not None
    weights = {name: values.copy() for name, values in checkpoint.weights.items()}
    weights["wpe"][1, 2] = np.inf
    broken = shutil.copytree(run.path, tmp_path / "broken")
    run = type(run).open(broken)
    run.write_checkpoint(replace(checkpoint, weights=weights), names.characters)
    with pytest.raises(ExportError, match="wpe has weights that are not finite"):
        export(run, to, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert export(run, Format.NPZ, tmp_path / "out.npz")


def test_a_library_that_is_missing(
    names: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ExportError, match=r"tensorboardX.* -m pip install .*\[tensorboard\]"):
        export(names.run, Format.TENSORBOARD, tmp_path / "logs")
    assert not list(tmp_path.iterdir())


def test_a_place_that_takes_no_file(names: Trained, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for out in (tmp_path / "file" / "gpt.c", tmp_path / "folder"):
        with pytest.raises(UgptError, match="cannot be written"):
            export(names.run, Format.C, out, overwrite=True)
    # Of two files the second cannot be written: neither is.
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "gpt.safetensors").mkdir()
    with pytest.raises(UgptError, match="cannot be written"):
        export(names.run, Format.TORCH, tmp_path / "new" / "gpt.py", overwrite=True)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["gpt.safetensors"]
    with pytest.raises(UgptError, match="name"):
        export(names.run, Format.C, tmp_path / "absent" / "deeper" / ("x" * 300))
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder", "new"}
