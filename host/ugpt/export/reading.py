"""Models from files of weights: the way back from `safetensors` and `npz`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import reason_of
from ..runs.errors import RunError
from ..runs.files import read_file
from . import npz, safetensors_file
from .errors import ExportError
from .loose import LooseModel

_DECODERS: dict[str, Callable[[bytes], LooseModel]] = {
    ".safetensors": safetensors_file.decode,
    ".npz": npz.decode,
}
_MOST_BYTES = 2**28  # with its moments, the model of a board with 64 MiB of memory
_ADVICE = "Give a file that `ugpt export RUN --to safetensors` or `--to npz` has written."


def is_model_file(path: Path) -> bool:
    """Whether a path is meant as a file of weights, by its ending."""
    return path.suffix.lower() in _DECODERS and not path.is_dir()


def read_model(path: Path) -> LooseModel:
    """The model in a file. Raises ExportError, in one sentence, if there is none."""
    try:
        content = read_file(path.resolve(), _MOST_BYTES)
    except (OSError, RuntimeError, ValueError) as error:
        raise ExportError(f"{path} cannot be read: {reason_of(error)}.", _ADVICE) from None
    except RunError as error:
        raise ExportError(error.message, _ADVICE) from None
    if content is None:
        raise ExportError(f"There is no file {path}.", _ADVICE)
    try:
        return _DECODERS[path.suffix.lower()](content)
    except ValueError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ExportError(f"{path} holds no model to load: {reason}.", _ADVICE) from None
