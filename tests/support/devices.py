"""Virtual devices for tests, reached in each of the ways in which a device can be."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
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


@contextmanager
def device_process(
    flash: Path, *extra: str, port: int = 0
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A device that can be killed, and its address; killed at the end if it still runs."""
    link = ["--listen", f"127.0.0.1:{port}", "--end-with-stdin"]
    with subprocess.Popen(
        virtual.command("esp32", flash, [*link, *extra]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()
