"""Trains a small model on names and lets it write ten new ones.

    python examples/train_and_sample.py         # the board that is plugged in, or a virtual one
    python examples/train_and_sample.py PORT    # such as /dev/ttyUSB0 or socket://HOST:PORT

The folder of the run, with all losses and a checkpoint, is made in runs/.
"""

from __future__ import annotations

import sys

import ugpt

NAMES = "names"  # the built-in list, or the path of a text of yours


def main(port: str | None) -> None:
    run = ugpt.train(NAMES, port, steps=500)
    losses = run.losses
    print(f"{run.path}: loss {losses[0]:.2f} at first, {losses[-50:].mean():.2f} at the end")
    for text in run.sample(10, seed=1):
        print(f"    {text}")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if sys.argv[1:] else None)
    except ugpt.UgptError as error:  # one sentence for the user, such as a port that is not there
        sys.exit(f"error: {error}")
