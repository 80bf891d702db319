"""Two kinds of runs: on one device, and of several workers. Each goes on by its own command."""

from __future__ import annotations

from ..runs.config import Joint
from ..runs.errors import RunError
from ..runs.folder import Run
from ..wording import command


def require_joint(run: Run) -> Joint:
    """Raises RunError for a run on one device."""
    if run.config.joint is None:
        raise RunError(
            f"{run.path} is a run on one device.",
            f"Go on with it: {command('train', '--resume', run.path)}",
        )
    return run.config.joint


def require_single(run: Run) -> None:
    """Raises RunError for a joint run."""
    if run.config.joint is not None:
        raise RunError(
            f"{run.path} is a joint run of several workers.",
            f"Go on with it: {command('fleet', 'train', '--resume', run.path)}",
        )
