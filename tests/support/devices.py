"""Virtual devices for tests, reached in each of the ways in which a device can be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ugpt.device import virtual


@asynccontextmanager
async def listening_device(form: str, flash: Path, *extra: str) -> AsyncIterator[str]:
    """Runs a device with `--pty` or `--listen`, and gives the port to connect to."""
    link = ["--pty"] if form == "pty" else ["--listen", "127.0.0.1:0"]
    process = await asyncio.create_subprocess_exec(
        *virtual.command("esp32", flash, [*link, "--end-with-stdin", *extra]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(10.0):
            port = (await process.stdout.readline()).decode().strip()
        assert port, "the device did not start"
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(10.0):
            await process.communicate()
