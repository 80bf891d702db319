"""Fuzzes every parser for some minutes each: python -m tests.fuzz --minutes 1

What is found is kept in build/fuzz/corpus, and the next time goes on from there. An input that
breaks a parser is written to build/fuzz and named.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import ROOT, BuildFolder

from .host_targets import TARGETS

FOLDER = ROOT / "build" / "fuzz"
DEVICE = {"device-frames": "frames", "device-messages": "codec"}
"""Targets in C++, and those of the host that have inputs to begin with."""
INPUT_BYTES_MAX = 4096
INPUT_TIMEOUT_S = 20
START_TIMEOUT_S = 120.0
END_LINES = 40


@dataclass(frozen=True)
class Result:
    name: str
    status: int
    said: str


def fuzz(name: str, minutes: float) -> Result:
    """One target, until the time is over or an input breaks it."""
    seconds = max(1, round(60 * minutes))
    corpus = FOLDER / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[DEVICE.get(name, name)].seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", f"-timeout={INPUT_TIMEOUT_S}",
        f"-artifact_prefix={FOLDER / name}-", str(corpus),
    ]  # fmt: skip
    done = subprocess.run(
        [*_program(name), *options], cwd=ROOT, capture_output=True, text=True, errors="replace",
        timeout=seconds + START_TIMEOUT_S, check=False,
    )  # fmt: skip
    return Result(name, done.returncode, done.stdout + done.stderr)


def _program(name: str) -> Sequence[str | Path]:
    if name in DEVICE:
        return [_build().path / "tests" / "fuzz" / f"fuzz-{name}"]
    return [sys.executable, "-m", "tests.fuzz.host", name]


def _build() -> BuildFolder:
    return BuildFolder(
        "fuzz-device",
        {
            "UGPT_FUZZ": "ON",
            "UGPT_SANITIZE": "ON",
            "CMAKE_BUILD_TYPE": "None",
            "CMAKE_CXX_FLAGS": "-O1",
            "CMAKE_CXX_COMPILER": "clang++",
        },
    )


def main() -> int:
    names = [*TARGETS, *DEVICE]
    parser = argparse.ArgumentParser("tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target")
    parser.add_argument("--target", action="append", choices=names, help="all by default")
    parser.add_argument("--jobs", type=int, default=2, help="targets at once")
    options = parser.parse_args()
    chosen = options.target or names
    if programs := [f"fuzz-{name}" for name in chosen if name in DEVICE]:
        _build().make(programs)
    failed = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(lambda name: fuzz(name, options.minutes), chosen):
            lines = result.said.strip().splitlines()
            if result.status == 0:
                print(f"{result.name}: {lines[-1]}", flush=True)
                continue
            failed.append(result.name)
            print(f"{result.name} failed:", *lines[-END_LINES:], sep="\n", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
