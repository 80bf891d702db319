"""Measures how soon a virtual device answers `status` while it trains.

    python bench/latency.py                 # one thread, then two, then both with --pace

It trains the standard model on names from its own flash. Requests follow each other with a pause of
a millisecond; the latency is that of the whole round trip, host included.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time

from workload import NAMES, Shape, tokens

from ugpt import DeviceState, Recipe, Source, Target, encode_tokens
from ugpt import Shape as ModelShape
from ugpt.device.virtual import IN_MEMORY

_DOCUMENTS = 1000
_RUN_ID = 1
_STEPS = 1_000_000
"""More than are trained while requests are counted."""
_PAUSE_S = 0.001


async def latencies_s(target: Target, requests: int) -> tuple[list[float], float]:
    """Of each request, and the steps a second meanwhile."""
    shape = Shape()
    documents = [
        encode_tokens(document, shape.vocab_size) for document in tokens(NAMES)[:_DOCUMENTS]
    ]
    async with target.connect() as device:
        await device.create(
            _RUN_ID,
            ModelShape(
                shape.n_layer, shape.n_embd, shape.n_head, shape.block_size, shape.vocab_size
            ),
            Recipe(0.01, 0.85, 0.99, 1e-8, _STEPS),
            "abcdefghijklmnopqrstuvwxyz",
        )
        await device.init_weights(42)
        await device.data_store(documents, shape.vocab_size)
        await device.train(_STEPS, source=Source.FLASH)
        first = await device.status()
        begun_s = time.perf_counter()
        found = []
        for _ in range(requests):
            await asyncio.sleep(_PAUSE_S)
            asked_s = time.perf_counter()
            last = await device.status()
            found.append(time.perf_counter() - asked_s)
        steps_per_s = (last.step - first.step) / (time.perf_counter() - begun_s)
        if last.state != DeviceState.TRAINING:
            raise SystemExit(f"The device has stopped training: {last}")
        await device.pause()
        return found, steps_per_s


async def report(requests: int) -> None:
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; {requests:,} requests each")
    for pace in (False, True):
        for threads in (1, 2):
            target = Target("virtual", flash=IN_MEMORY, pace=pace, threads=threads)
            found, steps_per_s = await latencies_s(target, requests)
            cuts = statistics.quantiles(found, n=100)
            print(
                f"{'--pace ' if pace else '':8}{threads} threads: p50 {cuts[49] * 1e3:.2f} ms, "
                f"p99 {cuts[98] * 1e3:.2f} ms, {steps_per_s:,.0f} steps a second",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=2000, help="of each measurement")
    asyncio.run(report(parser.parse_args().requests))


if __name__ == "__main__":
    main()
