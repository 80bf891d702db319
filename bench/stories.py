"""Measures inference of a pretrained model: tokens a second here, instructions a token on ARM.

    python bench/stories.py MODEL TOKENIZER                     # tokens a second of this computer
    python bench/stories.py MODEL TOKENIZER --count             # instructions on ARM, by position
    python bench/stories.py MODEL TOKENIZER --count --draw 1 0.9    # with a temperature and top-p
    python bench/stories.py MODEL TOKENIZER -- ./run {model} -z {tokenizer} -t 0 -n {tokens}

MODEL and TOKENIZER are llama2.c files, such as stories260K.bin and tok512.bin. With a command,
that program (llama2.c's run.c, built by whoever asks) and the engine run in turn, one thread each.
Without --draw the likeliest token is written. Seconds are those of the processor; for the other
program the difference between a text of 256 tokens and one of a single token.
"""

from __future__ import annotations

import argparse
import resource
import shlex
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from compare import build_target
from instructions import build_plugins, count_phases
from workload import BUILD

from ugpt.models.image import write_image
from ugpt.models.layouts import TensorFormat
from ugpt.models.llama2c import read_llama2c

_LOOP = "bench-infer-loop"
_ENDS = (1, 16, 32, 64, 128, 256)
"""Positions between which instructions are counted."""
_PHASES = ("embedding", "attention", "mlp", "logits", "choice")
_TOKENS = 256
"""Of a timed text."""
_TEXTS = 8
"""Of a timed run, so that it takes a quarter of a second."""
_ARM = ("arm-linux-gnueabihf-g++", "-O2 -mfpu=vfpv4", "qemu-arm")


def make_image(model: Path, tokenizer: Path, layout: TensorFormat) -> Path:
    BUILD.mkdir(parents=True, exist_ok=True)
    path = BUILD / f"{model.stem}-{layout.name.lower()}.ugpt"
    image = write_image(read_llama2c(model, tokenizer), layout, model.stem)
    path.write_bytes(image.content)
    return path


def tokens_per_s(
    program: Path, image: Path, kernels: str, tokens: int, draw: Sequence[str] = ()
) -> float:
    command = [str(program), str(image), kernels, str(tokens), str(_TEXTS), *draw]
    words = _run(command).stdout.split()
    return int(words[0]) / float(words[1])


def cpu_s(command: list[str]) -> float:
    """Seconds of the processor that a program takes, from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(program: Path, image: Path, command: list[str], runs: int) -> None:
    def with_tokens(tokens: int) -> list[str]:
        return [word.replace("{tokens}", str(tokens)) for word in command]

    ours, theirs = [], []
    for _ in range(runs):
        ours.append(tokens_per_s(program, image, "best", _TOKENS))
        spent_s = cpu_s(with_tokens(_TOKENS)) - cpu_s(with_tokens(1))
        theirs.append((_TOKENS - 1) / spent_s)
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    quarter, _, three_quarters = statistics.quantiles(ratios, n=4)
    print(f"{'':24}{'median':>12}{'fastest':>12}   tokens a second")
    print(f"{'engine':24}{statistics.median(ours):12,.0f}{max(ours):12,.0f}")
    print(f"{Path(command[0]).name:24}{statistics.median(theirs):12,.0f}{max(theirs):12,.0f}")
    print(
        f"The engine is {statistics.median(ratios):.2f} times as fast (median of {runs} pairs; "
        f"half of them between {quarter:.2f} and {three_quarters:.2f})."
    )


def count(image: Path, kernels: str, draw: Sequence[str]) -> None:
    """Instructions a token between two positions, on average, by phase."""
    compiler, options, emulator = _ARM
    program = build_target("count-inference-arm", _LOOP, compiler, options, static_for="arm")
    plugins = build_plugins(program.parent)

    def phases(tokens: int) -> Counter[str]:
        command = [emulator, "-plugin", "{plugin}", str(program)]
        return count_phases(
            [*command, str(image), kernels, str(tokens), "1", *draw], program, plugins, compiler
        )

    print(f"{'positions':>12}{'together':>12}" + "".join(f"{phase:>12}" for phase in _PHASES))
    totals = {end: phases(end) for end in (0, *_ENDS)}
    for begin, end in [*zip((0, *_ENDS), _ENDS, strict=False), (0, 128), (0, 256)]:
        mean = {p: (totals[end][p] - totals[begin][p]) / (end - begin) for p in _PHASES}
        name = f"{begin} to {end - 1}"
        print(
            f"{name:>12}{sum(mean.values()):12,.0f}"
            + "".join(f"{mean[phase]:12,.0f}" for phase in _PHASES)
        )


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)} failed\n{done.stdout}{done.stderr}")
    return done


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("--format", choices=("f32", "q8"), help="f32; with --count q8")
    parser.add_argument("--kernels", default="best", help="a set of kernels by name")
    parser.add_argument("--count", action="store_true", help="count instructions on ARM")
    parser.add_argument(
        "--draw", nargs=2, default=(), metavar=("TEMPERATURE", "TOP_P"), help="draw each token"
    )
    parser.add_argument("--runs", type=int, default=15, help="how often each is run (15)")
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="the program to beat")
    options = parser.parse_args()

    layout = TensorFormat[(options.format or ("q8" if options.count else "f32")).upper()]
    image = make_image(options.model, options.tokenizer, layout)
    if options.count:
        count(image, options.kernels, options.draw)
        return
    program = build_target("native-inference", _LOOP, "g++")
    if options.command:
        files = {"model": options.model, "tokenizer": options.tokenizer}
        command = [word.format(**files, tokens="{tokens}") for word in options.command]
        compare(program, image, command, options.runs)
        return
    rates = [
        tokens_per_s(program, image, options.kernels, _TOKENS, options.draw)
        for _ in range(options.runs)
    ]
    print(f"{statistics.median(rates):,.0f} tokens/s (median of {options.runs}), {max(rates):,.0f}")


if __name__ == "__main__":
    main()
