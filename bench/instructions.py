"""Counts the instructions of a training step or of a sampled token, without a board.

    python bench/instructions.py                    # this processor, under callgrind
    python bench/instructions.py --target arm       # 32-bit ARM, under qemu-arm, by phase
    python bench/instructions.py --sweep            # against the size of the model
    python bench/instructions.py --compiler xtensa-esp32-elf-g++ --options '-O2 -mlongcalls ...' \\
        --runner 'qemu-system-xtensa ... -plugin {plugin} -kernel {program}'

Every count is a difference between two runs of train_loop.cpp, of many steps and of none, so that
neither the start of the program nor the model's creation is in it. `native` is compiled for one
number at a time, as for a microcontroller, and shows which functions the instructions are in. Under
QEMU a plugin counts the phases apart (count_instructions.c, built here); a runner without {plugin}
must print the number itself, where --total finds it.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from callgrind import costs_by_function
from workload import BUILD, ROOT, STANDARD_STEPS, SWEEPS, Workload, write_documents

PHASES = ("embedding", "attention", "mlp", "loss", "adam")
_SAMPLES = 200
_JOBS = 2
_PLUGIN_VERSIONS = (1, 2)  # of QEMU's interface: before 9.0 only 1 is known, from then on 2


@dataclass(frozen=True)
class Target:
    """A compiler, and how what it makes is run and counted."""

    name: str
    compiler: str
    options: str
    runner: str
    """A command with {program}, and {plugin} where QEMU's is used."""
    total: str = ""
    """Finds the number of instructions in what a runner without {plugin} prints."""
    memory_bytes: int = 64 << 20

    @property
    def uses_plugin(self) -> bool:
        return "{plugin}" in self.runner


TARGETS = {
    "native": Target(
        "native",
        "g++",
        "-O2 -fno-tree-vectorize -DUGPT_STANDARD_STRIDES=1"
        + (" -mfma" if os.uname().machine == "x86_64" else ""),
        "valgrind --tool=callgrind --callgrind-out-file={program}.callgrind {program}",
        r"Collected : (\d+)",
    ),
    "arm": Target(
        "arm", "arm-linux-gnueabihf-g++", "-O2 -mfpu=vfpv4 -static", "qemu-arm -plugin {plugin} "
        "{program}",
    ),
}  # fmt: skip


class Bench:
    """Programs of one target, and their counts."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._folder = BUILD / f"count-{target.name}"
        write_documents(self._folder)
        self._objects = self._compile_engine()
        self._plugins = build_plugins(self._folder) if target.uses_plugin else []

    @property
    def uses_plugin(self) -> bool:
        return self._target.uses_plugin

    def per_step(self, workload: Workload) -> float:
        """Instructions of one step, or of one text."""
        program = self._program(workload, mark_phases=False)
        nothing = self._program(replace(workload, count=0), mark_phases=False)
        return (self._total(program) - self._total(nothing)) / workload.count

    def per_token(self) -> tuple[float, float]:
        """Instructions of a token, and tokens of a text, on average."""
        workload = Workload("sample", count=_SAMPLES)
        program = self._program(workload, mark_phases=False)
        tokens = int(self._run(program).stdout.split()[0]) / _SAMPLES
        return self.per_step(workload) / tokens, tokens

    def by_phase(self, workload: Workload) -> dict[str, float]:
        """Instructions of one step in each phase, with a few dozen for telling them apart."""
        program = self._program(workload, mark_phases=True)
        counts = _counts(self._run(program, marks=True).stderr)
        return {phase: counts[phase] / workload.count for phase in PHASES}

    def on_two_cores(self, workload: Workload) -> dict[str, float]:
        """What two cores do of a step, together and at the same time; with QEMU's plugin only."""
        counts: dict[str, float] = {}
        for count, sign in ((workload.count, 1), (0, -1)):
            program = self._program(replace(workload, count=count), mark_phases=False, team=True)
            done = self._run(program, marks=True).stderr
            total = _counts(done).total()
            found = {
                name: int(number)
                for name, number in re.findall(r"(\w+) (\d+)", done[done.index("team ") :])
            }
            alone = total - found["first"] - found["second"]
            found |= {"critical": alone + found["critical"], "first": alone + found["first"]}
            for name, number in found.items():
                counts[name] = counts.get(name, 0) + sign * number / workload.count
        return counts

    def by_function(self, workload: Workload) -> Counter[str]:
        """Instructions of one step in each function; callgrind only."""
        costs: Counter[str] = Counter()
        for count, sign in ((workload.count, 1), (0, -1)):
            program = self._program(replace(workload, count=count), mark_phases=False)
            self._run(program)
            for name, cost in costs_by_function(Path(f"{program}.callgrind")).items():
                costs[name] += sign * cost
        return Counter({name: round(cost / workload.count) for name, cost in costs.items()})

    def _compile_engine(self) -> list[Path]:
        lists = (ROOT / "device" / "sources.cmake").read_text()
        found = re.search(r"set\(UGPT_ENGINE_SOURCES([^)]*)\)", lists)
        assert found is not None
        names = found[1].split()  # of which several may end alike
        sources = [ROOT / "device" / "src" / name for name in names]
        objects = [self._folder / f"{name.replace('/', '-')}.o" for name in names]
        with ThreadPoolExecutor(_JOBS) as pool:
            list(pool.map(self._compile, sources, objects))
        return objects

    def _compile(self, source: Path, output: Path, *more: str) -> None:
        _run_command(
            self._target.compiler, "-std=c++20", "-ffp-contract=off", "-fno-exceptions",
            "-fno-rtti", "-g", *shlex.split(self._target.options),
            f"-I{ROOT / 'device' / 'src'}", f"-I{self._folder}", *more,
            "-c", str(source), "-o", str(output),
        )  # fmt: skip

    def _program(self, workload: Workload, mark_phases: bool, team: bool = False) -> Path:
        arguments = ",".join(f'"{argument}"' for argument in workload.arguments())
        definitions = [
            f"-DUGPT_ARGUMENTS={arguments}",
            f"-DUGPT_MEMORY_BYTES={self._target.memory_bytes}",
        ]
        if mark_phases:
            definitions.append("-DUGPT_MARK_PHASES")
        if team:
            definitions.append("-DUGPT_TEAM")
        kinds = [*(["phases"] if mark_phases else []), *(["team"] if team else [])]
        name = "-".join([*workload.arguments(), *kinds])
        loop = self._folder / f"loop-{name}.o"
        self._compile(ROOT / "bench" / "train_loop.cpp", loop, *definitions)
        program = self._folder / f"loop-{name}"
        options = shlex.split(self._target.options)
        objects = [str(path) for path in (loop, *self._objects)]
        _run_command(self._target.compiler, *options, *objects, "-o", str(program))
        return program

    def _total(self, program: Path) -> int:
        done = self._run(program)
        if self._target.uses_plugin:
            return _counts(done.stderr).total()
        found = re.search(self._target.total, done.stdout + done.stderr)
        if found is None:
            sys.exit(f"nothing printed matches {self._target.total!r}:\n{done.stderr}")
        return int(found[1])

    def _run(self, program: Path, marks: bool = False) -> subprocess.CompletedProcess[str]:
        arguments = _marks(program, self._target.compiler) if marks else ""
        command = [
            word.replace("{program}", str(program)) for word in shlex.split(self._target.runner)
        ]
        return _run_with_plugin(command, self._plugins, arguments)


def build_plugins(folder: Path) -> list[Path]:
    """One for each version of the interface; `_run_with_plugin` finds out which QEMU takes."""
    plugins = []
    for version in _PLUGIN_VERSIONS:
        plugin = folder / f"count_instructions-{version}.so"
        source = str(ROOT / "bench" / "count_instructions.c")
        _run_command(
            "cc", "-O2", "-shared", "-fPIC", f"-DVERSION={version}", source, "-o", str(plugin)
        )
        plugins.append(plugin)
    return plugins


def count_phases(
    command: list[str], program: Path, plugins: list[Path], compiler: str
) -> Counter[str]:
    """Instructions in each phase that `program` marks, run by a command with {plugin}."""
    return _counts(_run_with_plugin(command, plugins, _marks(program, compiler)).stderr)


def _run_with_plugin(
    command: list[str], plugins: list[Path], arguments: str
) -> subprocess.CompletedProcess[str]:
    """Runs it with the first plugin that QEMU takes, and leaves the others out from then on."""
    while True:
        plugin = f"{plugins[0]}{arguments}" if plugins else ""
        done = _try_command(*(word.replace("{plugin}", plugin) for word in command))
        if len(plugins) < 2 or "API version" not in done.stderr:
            return _checked(done)
        del plugins[0]


def _marks(program: Path, compiler: str) -> str:
    """The addresses of mark_<phase> as arguments of the plugin."""
    nm = re.sub(r"(g\+\+|clang\+\+|c\+\+)(-\d+)?$", "nm", compiler)
    symbols = _run_command(nm, str(program)).stdout
    found = re.findall(r"^([0-9a-f]+) [tT] mark_(\w+)$", symbols, re.MULTILINE)
    for function, mark in (("claim_first", "team_piece"), ("join", "team_join")):
        pattern = rf"^([0-9a-f]+) [tT] _ZN4ugpt6engine4Team\d+{function}E\w+$"
        found += [(address, mark) for address in re.findall(pattern, symbols, re.MULTILINE)]
    return "".join(f",mark=0x{address}:{phase}" for address, phase in found)


def _counts(text: str) -> Counter[str]:
    return Counter(
        {name: int(count) for name, count in re.findall(r"^count (\w+) (\d+)$", text, re.M)}
    )


def _try_command(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit(f"{command[0]} is not installed")


def _checked(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    if done.returncode != 0:
        sys.exit(f"{shlex.join(done.args)}\n{done.stdout}{done.stderr}")
    return done


def _run_command(*command: str) -> subprocess.CompletedProcess[str]:
    return _checked(_try_command(*command))


def report_standard(bench: Bench, target: Target, steps: int) -> None:
    """The standard model: a step, its parts, and a token."""
    workload = Workload(count=steps)
    print(f"{bench.per_step(workload):12,.0f} instructions a step ({target.name}, {steps} steps)")
    if target.uses_plugin:
        for phase, count in bench.by_phase(workload).items():
            print(f"{count:12,.0f}   {phase}")
    elif target.name == "native":
        for name, count in bench.by_function(workload).most_common(12):
            print(f"{count:12,}   {name}")
    if bench.uses_plugin:
        two = bench.on_two_cores(workload)
        print(f"{two['critical']:12,.0f} critical path of two cores:", end=" ")
        print(f"{two['first']:,.0f} and {two['second']:,.0f} instructions,", end=" ")
        print(f"{two['taken']:.1f} of {two['pieces']:.1f} pieces, {two['shares']:.1f} hand-overs")
    per_token, tokens = bench.per_token()
    print(f"{per_token:12,.0f} instructions a token sampled ({tokens:.1f} tokens a text)")


def report_sweep(bench: Bench) -> None:
    """One thing varied at a time: instructions must grow no faster than the work does."""
    for name, workloads in SWEEPS.items():
        print(f"\n{name:66}{'multiply-adds':>14}{'parameters':>12}{'instructions':>14}{'ratio':>8}")
        for workload in workloads:
            macs = workload.shape.multiply_adds(workload.positions)
            count = bench.per_step(replace(workload, count=10))
            if bench.uses_plugin:
                critical = bench.on_two_cores(replace(workload, count=10))["critical"]
                print(f"{critical / count:6.1%} on two cores: {critical:10,.0f}", end="  ")
            parameters = workload.shape.parameters
            print(f"{workload!s:66}{macs:14,}{parameters:12,}{count:14,.0f}{count / macs:8.2f}")


def _target(options: argparse.Namespace) -> Target:
    target = TARGETS[options.target]
    if options.compiler:
        if not options.runner:
            sys.exit("--compiler needs --runner")
        return Target(
            "cross", options.compiler, options.options, options.runner, options.total,
            options.memory_bytes,
        )  # fmt: skip
    return target


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=TARGETS, default="native")
    parser.add_argument("--compiler", help="a C++ compiler for another target")
    parser.add_argument("--options", default="-O2", help="its options, also for linking")
    parser.add_argument("--runner", help="how to run {program}, with {plugin} under QEMU")
    parser.add_argument("--total", default=r"total: (\d+)", help="finds the count it prints")
    parser.add_argument("--memory-bytes", type=int, default=256 << 10, help="for the model")
    parser.add_argument("--steps", type=int, default=STANDARD_STEPS, help="of the standard run")
    parser.add_argument("--sweep", action="store_true", help="other shapes of the model")
    options = parser.parse_args()

    target = _target(options)
    bench = Bench(target)
    if options.sweep:
        report_sweep(bench)
    else:
        report_standard(bench, target, options.steps)


if __name__ == "__main__":
    main()
