"""A measurement as a file that can be compared with that of another board."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from ..device.chip_facts import flash_mode
from ..rpc.messages import Hello
from .benchmark import Measurement

FORMAT = 1


def receipt(measured: Measurement, hello: Hello, program: str, today: date) -> dict[str, Any]:
    """What the protocol tells of a device and what was measured; nothing that names its owner."""
    assert measured.standard_run is not None
    run = measured.standard_run
    training, phases, sampling = measured.training, measured.phases, measured.sampling
    return {
        "format": FORMAT,
        "date": today.isoformat(),
        "board": hello.board,
        "chip": hello.chip,
        "chip_revision": hello.chip_revision,
        "virtual": hello.virtual_device,
        "cores": hello.cores,
        "clock_hz": hello.clock_hz,
        "flash_bytes": hello.flash_bytes,
        "flash_mode": flash_mode(hello),
        "flash_hz": hello.flash_hz,
        "memory_blocks": list(hello.memory_blocks),
        "firmware": hello.build,
        "image_sha256": hello.image_sha256.hex(),
        "protocol": f"{hello.major}.{hello.minor}",
        "program": program,
        "standard_run": {"steps": run.steps, "weights_sha256": run.weights_sha256},
        "steps_per_s": round(training.steps_per_s, 2),
        "tokens_per_s": round(training.steps_per_s * training.positions_per_step, 2),
        "sampled_tokens_per_s": round(sampling.tokens_per_s, 2),
        "tick_hz": phases.tick_hz,
        "ticks_per_step": {name: round(ticks) for name, ticks in phases.ticks_per_step.items()},
        "baud": measured.link.baud,
    }


RECEIPT = b"{\n"
"""How every receipt begins."""


def receipt_text(values: dict[str, Any]) -> str:
    """The content of the file."""
    return json.dumps(values, indent=2) + "\n"
