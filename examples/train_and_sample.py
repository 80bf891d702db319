"""Trains a small model on names and lets it write ten new ones.

    python examples/train_and_sample.py         # the board that is plugged in, or a virtual one
    python examples/train_and_sample.py PORT    # such as /dev/ttyUSB0 or socket://HOST:PORT

The folder of the run, with all losses and a checkpoint, is made in runs/.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import ugpt

NAMES = Path(__file__).parents[1] / "data" / "names.txt"


async def main(port: str | None) -> None:
    target = ugpt.Target(port)
    run = await ugpt.train(NAMES, target, steps=500)
    losses = run.metrics.losses
    print(f"{run.path}: loss {losses[0]:.2f} at first, {sum(losses[-50:]) / 50:.2f} at the end")

    async with target.connect() as device:
        print(device.description)
        async for sample in ugpt.sample_texts(device, 10, seed=1):
            print(f"    {sample.text}")


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if sys.argv[1:] else None))
    except ugpt.UgptError as error:  # one sentence for the user, such as a port that is not there
        sys.exit(f"error: {error}")
