"""What a round of a joint run costs: a model, and how well it holds here.

    python bench/joint_scale.py                 # the table, from 1 to 10,000 boards
    python bench/joint_scale.py --check 1 2 4   # the model beside runs on so many paced boards

A round is done in waves: every board does one part, then the next one. A part is computing, and
before and after it weights and moments on their way. All boards of a wave begin together, so all
of them want USB, the network and the scheduler at the same time, while nobody computes; the slowest
of these ways sets the pace. The processors of a host are busy all the time, also with feeding
documents: a wave is over no sooner than they have done their work.

The check measures what a part takes of the processors, in seconds of processor time, which do not
depend on what else the computer does. How much of them it has left for us is measured with loops
that do nothing else, before and after each run.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ugpt.joint.cost import state_bytes, wire_s

PARAMETERS = 4192
STEP_S = 0.0008017
"""Of the standard model and a name of 6 letters on an ESP32, estimated as for --pace."""
BAUD = 921_600
SIZES = ((1, 1), (4, 1), (15, 1), (15, 2), (100, 10), (1000, 50), (1000, 200), (10_000, 200))
SYNCS = (100, 1000, 10_000)
_TICKS = os.sysconf("SC_CLK_TCK")
_SPIN_S = 2.0


@dataclass(frozen=True)
class Computers:
    """What hosts, USB, network and the process with the scheduler can do."""

    host_part_s: float
    """Of a processor of a host, for each part."""
    host_cores: float
    main_part_s: float
    """Of the one processor of the process with scheduler and averaging, for each part."""
    usb_bytes_s: float = math.inf
    network_bytes_s: float = math.inf
    shared: bool = False
    """Whether that process runs on the only host, on the same processors."""


MEASURED = Computers(host_part_s=0.17, host_cores=2, main_part_s=0.018, shared=True)
"""On the computer of the check, of its processors; see docs/fleet.md."""
HOSTS = Computers(
    host_part_s=4 * MEASURED.host_part_s,  # a Raspberry Pi 4 takes about four times as long
    host_cores=4,
    main_part_s=MEASURED.main_part_s,
    usb_bytes_s=1e6,  # full-speed devices behind one translator of a USB 2.0 hub
    network_bytes_s=1.1e8,  # Ethernet at 1 Gbit/s
)


@dataclass(frozen=True)
class Round:
    """A round of one worker for each board, or of `workers`."""

    boards: int
    hosts: int
    sync: int
    computers: Computers
    parameters: int = PARAMETERS
    step_s: float = STEP_S
    baud: int = BAUD
    workers: int = 0

    @property
    def waves(self) -> int:
        return math.ceil((self.workers or self.boards) / self.boards)

    @property
    def compute_s(self) -> float:
        return self.sync * self.step_s

    def ways(self) -> dict[str, float]:
        """What the transfers of a wave take, each way by itself."""
        size = 2 * state_bytes(self.parameters)
        return {
            "line": wire_s(self.parameters, self.baud),
            "USB": self.boards_a_host * size / self.computers.usb_bytes_s,
            "network": self.boards * size / self.computers.network_bytes_s,
            "scheduler": self.boards * self.computers.main_part_s,
        }

    @property
    def boards_a_host(self) -> int:
        return math.ceil(self.boards / self.hosts)

    @property
    def host_s(self) -> float:
        """What a wave takes of the processors of a host."""
        computers = self.computers
        main_s = self.boards * computers.main_part_s * computers.shared
        return (self.boards_a_host * computers.host_part_s + main_s) / computers.host_cores

    @property
    def slowest(self) -> str:
        """What a wave waits for."""
        ways = self.ways()
        way = max(ways, key=lambda each: ways[each])
        return "host" if self.host_s > self.compute_s + ways[way] else way

    @property
    def round_s(self) -> float:
        return self.waves * max(self.compute_s + max(self.ways().values()), self.host_s)

    @property
    def speed(self) -> float:
        """Steps of all workers, in those of one board that trains alone."""
        return self.waves * self.boards * self.compute_s / self.round_s


def print_table() -> None:
    print("| boards | hosts | " + " | ".join(f"--sync {sync:,}" for sync in SYNCS) + " |")
    print("| ---: | ---: |" + " --- |" * len(SYNCS))
    for boards, hosts in SIZES:
        rounds = [Round(boards, hosts, sync, HOSTS) for sync in SYNCS]
        cells = [f"{each.speed:,.1f} ({each.slowest})" for each in rounds]
        print(f"| {boards:,} | {hosts:,} | {' | '.join(cells)} |")


# The check


@dataclass(frozen=True)
class Measured:
    """A run on paced boards."""

    round_s: float
    compute_s: float
    cores: float
    """Of the computer, that were left for us."""
    main_part_s: float
    host_part_s: float


def measure(boards: int, sync: int, rounds: int) -> Measured:
    """The median round of a run, and what its parts took of the processors."""
    before = spare_cores()
    command = (
        "fleet", "train", "names", "--virtual", str(boards), "--pace", "--workers", str(boards),
        "--sync", str(sync), "--steps", str(sync * rounds), "--json", "--run",
    )  # fmt: skip
    marks: list[tuple[float, float]] = []
    done: list[dict[str, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-m", "ugpt", *command, str(Path(folder) / "run")],
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "round_done":
                done.append(event)
                marks.append(processor_s(process.pid))
    parts = boards * (len(marks) - 1)
    (main_first, others_first), (main_last, others_last) = marks[0], marks[-1]
    return Measured(
        statistics.median(each["round_s"] for each in done[1:]),
        statistics.median(each["compute_s"] for each in done[1:]),
        (before + spare_cores()) / 2,
        (main_last - main_first) / parts,
        (others_last - others_first) / parts,
    )


def processor_s(pid: int) -> tuple[float, float]:
    """Of a process, and of all that it has started."""
    used, parents = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended
            parents[int(folder.name)] = int(fields[1])
            used[int(folder.name)] = (int(fields[11]) + int(fields[12])) / _TICKS
    return used[pid], sum(used[each] for each in descendants(pid, parents))


def descendants(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    for each, parent in parents.items():
        if parent == pid:
            yield each
            yield from descendants(each, parents)


def spare_cores() -> float:
    """How many processors loops that do nothing else are given."""
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        used = pool.map(spin, range(os.cpu_count() or 1), chunksize=1)
    return sum(used)


def spin(_: int) -> float:
    """The share of a processor that this process is given."""
    begun_s, ends_s = time.process_time(), time.monotonic() + _SPIN_S
    while time.monotonic() < ends_s:
        pass
    return (time.process_time() - begun_s) / _SPIN_S


def check(sizes: list[int], sync: int, rounds: int) -> None:
    print("| boards | processors left | processor time a part | round, model | measured |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for boards in sizes:
        found = measure(boards, sync, rounds)
        computers = replace(
            MEASURED,
            host_cores=found.cores,
            # With less than a processor left, that process gets no whole one either.
            main_part_s=MEASURED.main_part_s / min(found.cores, 1.0),
        )
        model = Round(boards, 1, sync, computers)
        part = f"{1000 * found.main_part_s:.0f} + {1000 * found.host_part_s:.0f} ms"
        print(
            f"| {boards} | {found.cores:.2f} | {part} | {model.round_s:.2f} s | "
            f"{found.round_s:.2f} s |",
            flush=True,
        )


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--check", type=int, nargs="+", metavar="BOARDS")
    arguments.add_argument("--sync", type=int, default=400)
    arguments.add_argument("--rounds", type=int, default=9)
    given = arguments.parse_args()
    if given.check:
        check(given.check, given.sync, given.rounds)
    else:
        print_table()
    return 0


if __name__ == "__main__":
    sys.exit(main())
