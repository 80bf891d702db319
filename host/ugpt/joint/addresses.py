"""Which schedulers may be used: Dask unpickles, and so runs, whatever reaches it."""

from __future__ import annotations

import re

from ..device.virtual import is_loopback
from .errors import WrongAddress

_PORT = re.compile(r"[0-9]{1,5}")


def require_safe(address: str) -> None:
    """Raises WrongAddress for an address that others could send programs to."""
    scheme, _, place = address.rpartition("://")
    host, _, port = place.rpartition(":")
    if not host or not _PORT.fullmatch(port) or int(port) > 65_535:
        raise WrongAddress(
            f"{address} is not the address of a scheduler.", "Name it as tls://HOST:8786."
        )
    if scheme == "tls":
        return
    if scheme not in ("", "tcp"):
        raise WrongAddress(f"A scheduler at {scheme}:// is not supported.", "Use tls://.")
    if not is_loopback(host):
        raise WrongAddress(
            f"{address} is not encrypted, and whoever reaches it could run programs here.",
            "Start the scheduler with TLS and name it tls://HOST:PORT, or reach it by ssh -L on "
            "this computer's loopback.",
        )
