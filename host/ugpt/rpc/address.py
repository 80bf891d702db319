"""Addresses: HOST:PORT, [IPv6]:PORT, and SCHEME:// before them. Nothing else takes one apart."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from .errors import BadAddress

PORT_MAX = 65535
_HOST_MAX = 253
_NEVER_IN_A_HOST = re.compile(r"[\s\x00-\x20/\\@?#\[\]%:]")


@dataclass(frozen=True)
class Address:
    """Where something listens."""

    host: str
    """A name or a number, an IPv6 one without brackets; empty for all of this computer."""
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def scheme_of(port: str) -> str:
    """What stands before "://"; empty for a port of this computer."""
    scheme, separator, _ = port.partition("://")
    return scheme.lower() if separator else ""


def parse_url(url: str) -> Address:
    """The address in SCHEME://HOST:PORT; raises BadAddress if there is none.

    What may follow a question mark is meant for other programs, such as esptool's ign_set_control.
    """
    scheme, _, rest = url.partition("://")
    return _parse(rest.partition("?")[0], url, f"{scheme}://", listening=False)


def parse_listen(text: str) -> Address:
    """HOST:PORT to listen at: the host may be empty, and port 0 is any that is free."""
    return _parse(text, text, "", listening=True)


def _parse(text: str, whole: str, prefix: str, *, listening: bool) -> Address:
    host, colon, port = text.rpartition(":")
    advice = f"Write it as {prefix}HOST:PORT, such as {prefix}localhost:5555."
    if not colon or text.endswith("]"):
        raise BadAddress(whole, "it names no port", advice)
    if not host and not listening:
        raise BadAddress(whole, "it names no host", advice)
    least = 0 if listening else 1
    is_number = port.isascii() and port.isdecimal() and len(port) <= len(str(PORT_MAX))
    if not (is_number and least <= int(port) <= PORT_MAX):
        shown = port if len(port) <= 20 else f"{port[:17]}..."
        reason = f"{shown!r} is not a port number, which is from {least} to {PORT_MAX}"
        raise BadAddress(whole, reason, advice)
    reason, advice = _problem(host, port, prefix) if host else ("", "")
    if reason:
        raise BadAddress(whole, reason, advice)
    return Address(host.strip("[]"), int(port))


def _problem(host: str, port: str, prefix: str) -> tuple[str, str]:
    """Why nothing can have this name, and what to do; empty if something can."""
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed or ":" in host:
        number = host.strip("[]")
        try:
            ipaddress.IPv6Address(number)
        except ValueError:
            return f"{number!r} is not an IPv6 address", f"Write it as {prefix}[::1]:{port}."
        if bracketed:
            return "", ""
        return "an IPv6 address needs brackets", f"Write it as {prefix}[{number}]:{port}."
    try:
        # Python looks a name up in this form too, and fails on it with an error of its own.
        encoded = host.encode("idna")
    except UnicodeError:
        encoded = b""
    if encoded and len(encoded.rstrip(b".")) <= _HOST_MAX and not _NEVER_IN_A_HOST.search(host):
        return "", ""
    return (
        f"no host can be called {host!r}",
        "A name has parts of 1 to 63 characters with a dot between them.",
    )
