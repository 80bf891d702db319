"""The losses of a run as an event file of TensorBoard, in a folder."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

from ..runs.folder import Run
from ..wording import install_command
from .errors import ExportError

_FILE = "events.out.tfevents.ugpt"


def files(run: Run, out: Path) -> dict[Path, bytes]:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise ExportError(
            "An export to TensorBoard needs the library tensorboardX, which is not installed.",
            f"Install it: {install_command(extra='tensorboard')}",
        ) from None
    if not len(run.metrics.losses):
        raise ExportError(f"{run.path} has no losses yet.", "Train a step first.")
    # The folder of a run has no times; TensorBoard wants one for every value.
    time_s = (run.path / "config.toml").stat().st_mtime
    with tempfile.TemporaryDirectory() as folder:
        with SummaryWriter(folder) as writer:
            for step, loss in enumerate(run.metrics.losses, start=1):
                if math.isfinite(loss):
                    writer.add_scalar("loss/training", loss, step, time_s)
            for step, loss in run.metrics.val_losses.items():
                writer.add_scalar("loss/validation", loss, step, time_s)
        (written,) = Path(folder).iterdir()
        return {out / _FILE: written.read_bytes()}
