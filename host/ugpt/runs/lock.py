"""One writer a run: the lock of a run folder."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import reason_of
from .errors import RunError

NAME = ".lock"
"""The file that is locked; it says by whom."""

# What file systems say that have no locks, or whose lock service is not there.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
_SHOWN = 200  # bytes of a holder


class FolderLock:
    """Held by one program at a time. The system gives up the lock of a program that ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / NAME
        self._lock = FileLock(
            self._file,
            timeout=0,
            thread_local=False,
            fallback_to_soft=False,
            preserve_lock_file=True,
            on_acquired=self._sign,
        )
        self._signed: os.stat_result | None = None
        self._locked_folder: os.stat_result | None = None

    def acquire(self) -> None:
        """Raises RunError if another program has it, or if the folder cannot be locked."""
        try:
            self._lock.acquire()
            self._locked_folder = self._folder.stat()
        except Timeout:
            raise RunError(
                f"{self._folder} is in use by another ugpt{self._holder()}.",
                "Wait until that one ends, or stop it.",
            ) from None
        except (OSError, NotImplementedError) as error:
            raise self._unlockable(error) from None

    def release(self) -> None:
        """Allowed if it is not held."""
        if self._lock.is_locked and _is_same(self._file, self._signed):
            # While it is held: who has opened it meanwhile finds that it is no more the file there.
            with contextlib.suppress(OSError):
                self._file.unlink()
        self._lock.release()

    def require(self) -> None:
        """Raises RunError if the path leads to another folder by now, or to none.

        If only the locked file was removed or replaced, the folder is locked again.
        """
        if not self._lock.is_locked or _is_same(self._file, self._signed):
            return
        if not _is_same(self._folder, self._locked_folder):
            raise RunError(
                f"{self._folder} is no longer the folder that this run began to write to: it was "
                "moved, replaced or removed.",
                "Put the folder back, then resume the run.",
            )
        self._lock.release()
        self.acquire()

    def _sign(self, descriptor: int) -> None:
        """Says in the locked file who holds it."""
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        self._signed = os.fstat(descriptor)

    def _holder(self) -> str:
        try:
            with self._file.open("rb") as file:
                told = file.read(_SHOWN).decode(errors="replace").strip()
        except OSError:
            return ""  # such as on Windows, where nobody may read it meanwhile
        return f" ({told})" if told and told.isprintable() else ""

    def _unlockable(self, error: OSError | NotImplementedError) -> RunError:
        number = error.errno if isinstance(error, OSError) else errno.ENOSYS
        if number in _NO_LOCKS:
            return RunError(
                f"{self._folder} cannot be locked: its file system has no locks.",
                "Keep the run on a local disk: --run DIR, or copy it there to resume it.",
            )
        return RunError(
            f"{self._folder} cannot be written ({reason_of(error)}).",
            "Check the folder, or name another.",
        )


def _is_same(path: Path, known: os.stat_result | None) -> bool:
    """Whether what is at `path` is still what it was."""
    try:
        return known is not None and os.path.samestat(path.stat(), known)
    except OSError:
        return False


def is_held(folder: Path) -> bool:
    """Whether a program writes to the folder now, as far as that can be told without writing."""
    file = folder / NAME
    if not file.is_file():
        return False  # whoever holds it has made it
    lock = FileLock(
        file, timeout=0, thread_local=False, fallback_to_soft=False, preserve_lock_file=True
    )
    try:
        lock.acquire()
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False
    lock.release()
    return False
