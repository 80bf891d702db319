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


def describe_kept(run: Run, step: int, again: str) -> list[str]:
    """How far the run came and, if it can, how it goes on: `again` has a line of its own."""
    if not run.path.is_dir():
        return [f"Stopped after step {step:,}; the folder {run.path} is gone."]
    kept = kept_step(run)
    if kept is None:
        what = f"{run.path} holds no checkpoint yet"
    elif kept < step:
        what = f"{run.path} keeps the checkpoint of step {kept:,}"
    else:
        what = f"all is kept in {run.path}"
    return [f"Stopped after step {step:,}; {what}. Go on with:", again]
