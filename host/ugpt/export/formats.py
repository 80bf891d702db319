"""The formats by name, and the writing of their files."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path

from ..runs.errors import RunError
from ..runs.files import exists, holds_plain_file, write_atomically, write_error
from ..runs.folder import Run
from .errors import ExportError
from .naming import name_of


class Format(StrEnum):
    """What a run can be exported as."""

    NPZ = "npz"
    SAFETENSORS = "safetensors"
    TORCH = "torch"
    MICROGPT = "microgpt"
    C = "c"
    TENSORBOARD = "tensorboard"


@dataclass(frozen=True)
class _Writer:
    """How a format is made."""

    module: str
    """In this room; its `files(run, out)` gives the content of each file."""
    ending: str
    """Behind the name of the run, if no path is given."""

    def files(self, run: Run, out: Path) -> Mapping[Path, bytes]:
        make: Callable[[Run, Path], Mapping[Path, bytes]]
        make = import_module(f".{self.module}", __package__).files
        return make(run, out)


_WRITERS = {
    Format.NPZ: _Writer("npz", ".npz"),
    Format.SAFETENSORS: _Writer("safetensors_file", ".safetensors"),
    Format.TORCH: _Writer("torch_model", "_torch.py"),
    Format.MICROGPT: _Writer("microgpt", "_microgpt.py"),
    Format.C: _Writer("c_program", ".c"),
    Format.TENSORBOARD: _Writer("tensorboard", "-tensorboard"),
}


def export(run: Run, to: Format, out: Path | None = None, *, overwrite: bool = False) -> list[Path]:
    """Writes a run in another format, and returns the files, the main one first.

    `out` is the file (of `tensorboard`, the folder); by default it is named after the run, in the
    current folder. Raises ExportError or RunError, with nothing written, if the format cannot hold
    the run, a library is missing or, without `overwrite`, a file is there already.
    """
    writer = _WRITERS[to]
    if out is None:
        out = Path(name_of(run.path) + writer.ending)
    files = writer.files(run, out)
    if not overwrite:
        for file in files:
            _require_absent(file)
    _write(files)
    return list(files)


def _require_absent(file: Path) -> None:
    if exists(file):
        raise ExportError(
            f"{file} exists already.", "Name another file (--out), or allow it: --overwrite"
        )


def _write(files: Mapping[Path, bytes]) -> None:
    """Writes all of them or none. They lie in one folder, which is made if it is absent."""
    first = next(iter(files))
    folder = first.parent
    missing = [each for each in (folder, *folder.parents) if not exists(each)]
    staged = str(folder)
    try:
        for file in files:
            if file.is_dir():
                raise OSError(errno.EISDIR, "it is a folder")
            holds_plain_file(file)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".ugpt-", dir=folder, ignore_cleanup_errors=True
        ) as staged:
            for file, content in files.items():
                write_atomically(Path(staged, file.name), content)
            for file in files:
                Path(staged, file.name).replace(file)
    except (OSError, RunError) as error:
        for made in missing:
            with contextlib.suppress(OSError):
                made.rmdir()
        if isinstance(error, RunError):
            raise type(error)(error.message.replace(staged, str(folder)), error.advice) from None
        raise write_error(first, error) from None
