"""A run that is disturbed and taken up again, and all that it says of itself meanwhile."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.commands import CommandLine, Process
from ugpt import UgptError
from ugpt.device.tensors import tensor_shapes
from ugpt.runs.checkpoint import weights_digest
from ugpt.runs.folder import Run

from .straight import OPTIONS, Straight
from .trials import Outcome

TIMEOUT_S = 180.0
"""More than a host waits for a board that is lost."""


class DisturbedRun:
    """The run R in `folder`, on the virtual device of ugpt, or with `target` on another."""

    def __init__(self, folder: Path, straight: Straight, *target: str) -> None:
        self.path = folder / "R"
        self.cli = CommandLine(folder)
        self._straight = straight
        self._target = target
        self._out, self._errors = folder / "out", folder / "errors"
        self.called_saved = 0
        """The last step of which the host has said that it is saved."""
        self.lost = False
        self._missing_told = False
        self.faults: list[str] = []
        self.events: list[dict[str, Any]] = []
        """What the host said the last time."""

    @contextmanager
    def host(self, *more: str) -> Iterator[Process]:
        """The host, from where the run stands; killed if it still runs then."""
        begin = ("--resume", "R") if self.path.exists() else ("names", *OPTIONS)
        with self._out.open("w") as out, self._errors.open("w") as errors:
            streams = {"stdout": out, "stderr": errors}
            train = ("train", *begin, *self._target, *more, "--json")
            with self.cli.running(*train, **streams) as process:
                yield process
        self._take_in()

    def finish(self) -> Outcome:
        """Takes the run up for the last time and compares what came of it."""
        with self.host() as process:
            status = wait(process, TIMEOUT_S)
        if status != 0:
            said = self._errors.read_text().strip().splitlines()[-1:]
            self.faults.append(f"the end has status {status}: {''.join(said)}")
        return self.outcome(finished=status == 0)

    def outcome(self, *, finished: bool) -> Outcome:
        """What has been seen so far."""
        other_bits = finished and not self._has_the_same_bits()
        return Outcome(finished, other_bits, self.lost, tuple(self.faults))

    def require_kept(self, step: int, where: str, kept: int) -> None:
        """Notes a loss if less is kept than was called saved."""
        if kept < step:
            self.lost = True
            self.faults.append(f"{where} keeps step {kept}, and step {step} was called saved")

    def _take_in(self) -> None:
        """Hears what the host has said, and looks whether it is so."""
        lines = self._out.read_text().split("\n")[:-1]  # a kill may cut the last one
        self.events = [json.loads(line) for line in lines]
        for event in self.events:
            match event:
                case {"event": "saved", "step": int(step)}:
                    self.called_saved = max(self.called_saved, step)
                case {"event": "stopped", "saved_step": int(step)}:
                    self.called_saved = max(self.called_saved, step)
                case {"event": "notice", "text": str(text)} if "missing from metrics" in text:
                    self._missing_told = True
                case {"event": "started" | "restored", "step": int(step)}:
                    self.require_kept(self.called_saved, "the run taken up again", step)
        if "Traceback" in (said := self._errors.read_text()):
            self.faults.append(f"a traceback: {said.strip().splitlines()[-1]}")
        self.require_kept(self.called_saved, "the run folder", self._kept_step())

    def _kept_step(self) -> int:
        try:
            run = Run.open(self.path)
            checkpoint = run.read_checkpoint(tensor_shapes(run.config.shape))
        except UgptError as error:
            if self.called_saved:
                self.faults.append(str(error))
            return 0
        return checkpoint.step if checkpoint else 0

    def _has_the_same_bits(self) -> bool:
        return has_the_same_bits(self.path, self._straight, may_miss_losses=self._missing_told)


def wait(process: Process, timeout_s: float) -> int | None:
    """The exit status; None if the process is still there when the time is over."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None


def has_the_same_bits(path: Path, straight: Straight, *, may_miss_losses: bool = False) -> bool:
    """Whether weights, their digest and every loss are those of the straight run.

    With `may_miss_losses`, losses may be missing, in a gap or at the end.
    """
    run = Run.open(path)
    checkpoint = run.read_checkpoint(tensor_shapes(run.config.shape))
    assert checkpoint is not None
    missing = [math.nan] * (len(straight.losses) - len(run.metrics.losses))
    losses = [*run.metrics.losses, *missing]
    return (
        weights_digest(checkpoint.weights) == straight.digest
        and (path / "weights.sha256").read_text().strip() == straight.digest
        and len(losses) == len(straight.losses)
        and all(
            loss == known or (may_miss_losses and math.isnan(loss))
            for loss, known in zip(losses, straight.losses, strict=True)
        )
    )
