"""What is left of a run that ends before its last step: read back, not believed."""

from __future__ import annotations

from ..device.tensors import tensor_shapes
from ..runs.errors import RunError
from ..runs.folder import Run, read_config


def kept_step(run: Run) -> int | None:
    """The step of the checkpoint in the run folder; None if it holds none that can be read."""
    try:
        if not _holds(run):
            return None
        checkpoint = run.read_checkpoint(tensor_shapes(run.config.shape))
    except RunError:
        return None
    return checkpoint.step if checkpoint else None


def describe_kept(run: Run, step: int, again: str) -> list[str]:
    """How far the run came and, if it can, how it goes on: `again` has a line of its own."""
    if not run.path.is_dir():
        return [f"Stopped after step {step:,}; the folder {run.path} is gone."]
    if not _holds(run):
        return [f"Stopped after step {step:,}; the folder {run.path} is another one by now."]
    kept = kept_step(run)
    if kept is None:
        what = f"{run.path} holds no checkpoint yet"
    elif kept < step or not run.metrics.is_written:
        what = f"{run.path} keeps the checkpoint of step {kept:,}"
    else:
        what = f"all is kept in {run.path}"
    return [f"Stopped after step {step:,}; {what}. Go on with:", again]


def _holds(run: Run) -> bool:
    """Whether the folder is that of this run: another may have taken its place meanwhile."""
    try:
        return read_config(run.path).run_id == run.config.run_id
    except RunError:
        return False
