"""What is left of a run that ends before its last step: read back, not believed."""

from __future__ import annotations

from ..device.tensors import tensor_shapes
from ..runs.errors import RunError
from ..runs.folder import Run


def kept_step(run: Run) -> int | None:
    """The step of the checkpoint in the run folder; None if it holds none that can be read."""
    try:
        checkpoint = run.read_checkpoint(tensor_shapes(run.config.shape))
    except RunError:
        return None
    return checkpoint.step if checkpoint else None


def describe_kept(run: Run, step: int) -> str:
    """How far the run came, and from where it can go on."""
    kept = kept_step(run)
    if kept is None:
        return f"Stopped after step {step:,}; {run.path} holds no checkpoint yet."
    if kept < step:
        return f"Stopped after step {step:,}; {run.path} keeps the checkpoint of step {kept:,}."
    return f"Stopped after step {step:,}; all is kept in {run.path}."
