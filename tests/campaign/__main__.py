"""Disturbs training runs in every way, at random moments, and counts what became of them.

    python -m tests.campaign --minutes 10 --seed 1
    python -m tests.campaign --kind power-cut --seed 17 --runs 1    # one trial again

The same seed does the same to a run, as far as the computer is as fast as the last time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from . import straight
from .kinds import KINDS
from .runner import run_kind, seeds
from .table import Row, markdown, write
from .trials import Kind, Outcome


def main() -> int:
    options = _options()
    chosen = [kind for kind in KINDS if not options.kind or kind.name in options.kind]
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ugpt-campaign-") as folder:
        undisturbed = straight.measure(Path(folder))
    rows = []
    for kind in chosen:
        if lacking := kind.missing():
            print(f"{kind.name}: left out, for it needs {lacking}", flush=True)
            continue
        deadline_s = time.monotonic() + 60 * options.minutes / len(chosen)
        todo = seeds(options.seed, options.runs, deadline_s)
        outcomes = run_kind(kind, undisturbed, todo, options.jobs, partial(_tell, kind))
        rows.append(Row(kind, outcomes))
        print(f"{kind.name}: {rows[-1].markdown()}", flush=True)
    table = markdown(rows, options.seed, time.monotonic() - started_s)
    print(f"\n{table}")
    if options.write is not None:
        write(options.write, table)
    return 0 if all(row.is_right for row in rows) else 1


def _tell(kind: Kind, seed: int, outcome: Outcome) -> None:
    if not outcome.is_right:
        print(f"{kind.name} --seed {seed}: {outcome}", flush=True)


def _options() -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("tests.campaign", None, __doc__, formatter_class=formatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="for all kinds together")
    parser.add_argument("--seed", type=int, default=1, help="of the first trial of each kind")
    parser.add_argument("--runs", type=int, help="at most so many trials of each kind")
    parser.add_argument("--jobs", type=int, default=2, help="trials at once")
    parser.add_argument(
        "--kind", action="append", choices=[kind.name for kind in KINDS], help="all by default"
    )
    parser.add_argument("--write", type=Path, help="the page that holds the table")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
