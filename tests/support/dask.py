"""A Dask scheduler that nobody of ugpt's has started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PROGRAM = """
import asyncio, sys
from distributed import Scheduler
async def main():
    protocol, port = sys.argv[1:]
    options = {"host": "127.0.0.1", "port": int(port), "dashboard_address": "127.0.0.1:0"}
    async with Scheduler(protocol=protocol, **options) as it:
        print(it.address, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
"""


@contextmanager
def dask_scheduler(
    protocol: str = "tcp", port: int = 0, env: dict[str, str] | None = None
) -> Iterator[str]:
    """On the loopback; ended at once with the block."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, protocol, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def tls_environment() -> dict[str, str]:
    """Dask's configuration with keys of their own, for scheduler, workers and clients."""
    from distributed.security import Security

    security = Security.temporary()
    variables = {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": security.tls_ca_file}
    for role in ("scheduler", "worker", "client"):
        for kind in ("cert", "key"):
            name = f"DASK_DISTRIBUTED__COMM__TLS__{role}__{kind}".upper()
            variables[name] = getattr(security, f"tls_{role}_{kind}")
    return {name: json.dumps(value) for name, value in variables.items()}
