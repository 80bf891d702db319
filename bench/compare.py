"""Times training steps of the engine on this computer, alone or against another program.

    python bench/compare.py                                  # steps a second
    python bench/compare.py --sweep                          # cost against the size of the model
    python bench/compare.py --threads 2                      # two threads against one
    python bench/compare.py --seconds 'time: ([0-9.]+)' -- ./other names.txt

The other program must train the standard run: one layer of width 16, 1,000 documents. It and the
engine run in turn, one thread each, so that whatever else the machine does meets both. Without
--seconds, the whole program is timed; with it, the first group of the regular expression is the
time it prints.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from dataclasses import replace
from pathlib import Path

from workload import BUILD, ROOT, STANDARD_STEPS, SWEEPS, Shape, Workload, write_documents

_TIMEOUT_S = 600.0


def build(compiler: str, threads: int = 1) -> Path:
    """The loop around the engine, compiled as the installed virtual device is."""
    name = f"native-{Path(compiler).name}"
    write_documents(BUILD / name)
    if threads > 1:
        settings = {"UGPT_BENCH_THREADS": str(threads)}
        return build_target(name, "bench-train-loop-threads", compiler, settings=settings)
    return build_target(name, "bench-train-loop", compiler)


def build_target(
    name: str,
    target: str,
    compiler: str,
    options: str = "",
    static_for: str = "",
    settings: dict[str, str] | None = None,
) -> Path:
    """A program of bench/CMakeLists.txt, in a build folder of this name.

    `static_for` is another processor, for which it is linked so that it needs nothing else.
    """
    folder = BUILD / name
    definitions = {
        "CMAKE_MAKE_PROGRAM": _tool("ninja"),
        "CMAKE_CXX_COMPILER": compiler,
        "CMAKE_BUILD_TYPE": "Release",
        "UGPT_BENCH": "ON",
        **(settings or {}),
    }
    if options:
        definitions["CMAKE_CXX_FLAGS_RELEASE"] = options
    if static_for:
        definitions |= {
            "CMAKE_SYSTEM_NAME": "Linux",
            "CMAKE_SYSTEM_PROCESSOR": static_for,
            "CMAKE_EXE_LINKER_FLAGS": "-static",
            "CMAKE_UNITY_BUILD": "OFF",  # as the firmware of a chip is compiled
        }
    set_definitions = [f"-D{key}={value}" for key, value in definitions.items()]
    for command in (
        [_tool("cmake"), "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", *set_definitions],
        [_tool("cmake"), "--build", str(folder), "--target", target, "--parallel", "2"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return folder / "bench" / target


def _tool(name: str) -> str:
    beside = Path(sysconfig.get_path("scripts")) / name
    return str(beside) if beside.exists() else name


def step_us(program: Path, workload: Workload) -> float:
    """Microseconds of one training step, on average over a run."""
    output = _run([str(program), *workload.arguments()])
    return float(output.split()[1]) / workload.count * 1e6


def other_step_us(command: list[str], seconds: str | None) -> float:
    """The same of another program's standard run."""
    started_s = time.perf_counter()
    output = _run(command)
    elapsed_s = time.perf_counter() - started_s
    if seconds is not None:
        found = re.search(seconds, output)
        if found is None:
            sys.exit(f"{command[0]} printed nothing that matches {seconds!r}")
        elapsed_s = float(found[1])
    return elapsed_s / STANDARD_STEPS * 1e6


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, errors="replace"
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed\n{done.stdout}{done.stderr}")
    return done.stdout


def compare(program: Path, command: list[str], seconds: str | None, runs: int) -> None:
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(step_us(program, Workload()))
        theirs.append(other_step_us(command, seconds))
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    quarter, _, three_quarters = statistics.quantiles(ratios, n=4)
    print(f"{'':24}{'median':>12}{'fastest':>12}   microseconds a step")
    print(f"{'engine':24}{statistics.median(ours):12.2f}{min(ours):12.2f}")
    print(f"{Path(command[0]).name:24}{statistics.median(theirs):12.2f}{min(theirs):12.2f}")
    print(
        f"The engine is {statistics.median(ratios):.2f} times as fast "
        f"(median of {runs} pairs; half of them between {quarter:.2f} and {three_quarters:.2f}); "
        f"{min(theirs) / min(ours):.2f} by the fastest runs."
    )


def alone(program: Path, runs: int) -> None:
    times = [step_us(program, Workload()) for _ in range(runs)]
    median = statistics.median(times)
    print(f"{1e6 / median:,.0f} steps/s (median of {runs} runs), {1e6 / min(times):,.0f} at best")


def compare_threads(one: Path, several: Path, threads: int, runs: int) -> None:
    """Time of a step on one thread and on several, at each width; they run in turn."""
    print(f"{'':66}{'one':>10}{threads:>10}   us/step, medians of {runs} pairs")
    for width in (16, 32, 64, 128, 256):
        workload = Workload(shape=Shape(n_embd=width), positions=8)
        macs = workload.shape.multiply_adds(workload.positions)
        timed = replace(workload, count=max(10, 200_000_000 // macs))
        pairs = [(step_us(one, timed), step_us(several, timed)) for _ in range(runs)]
        ratio = statistics.median(alone / together for alone, together in pairs)
        medians = [statistics.median(times) for times in zip(*pairs, strict=True)]
        fastest = [min(times) for times in zip(*pairs, strict=True)]
        print(
            f"{workload!s:66}{medians[0]:10.1f}{medians[1]:10.1f}   {ratio:.2f} times as fast, "
            f"{fastest[0] / fastest[1]:.2f} by the fastest runs",
            flush=True,
        )


def sweep(program: Path, runs: int) -> None:
    """Time against the size of the model, one thing varied at a time."""
    for name, workloads in SWEEPS.items():
        print(f"\n{name:66}{'multiply-adds':>14}{'us/step':>10}{'ns/multiply-add':>17}")
        for workload in workloads:
            macs = workload.shape.multiply_adds(workload.positions)
            count = max(10, min(2000, 200_000_000 // (macs + 4 * workload.shape.parameters)))
            timed = replace(workload, count=count)
            best = min(step_us(program, timed) for _ in range(runs))
            print(f"{workload!s:66}{macs:14,}{best:10.1f}{best / macs * 1e3:17.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=15, help="how often each is run (15)")
    parser.add_argument("--compiler", default=shutil.which("g++") or "c++", help="of the engine")
    parser.add_argument("--seconds", metavar="REGEX", help="finds the seconds the command prints")
    parser.add_argument("--sweep", action="store_true", help="time other shapes of the model")
    parser.add_argument("--threads", type=int, default=1, help="time so many threads against one")
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="the program to beat")
    options = parser.parse_args()

    program = build(options.compiler)
    if options.sweep:
        sweep(program, min(options.runs, 5))
    elif options.threads > 1:
        several = build(options.compiler, options.threads)
        compare_threads(program, several, options.threads, options.runs)
    elif options.command:
        compare(program, options.command, options.seconds, options.runs)
    else:
        alone(program, options.runs)


if __name__ == "__main__":
    main()
