"""A virtual device that other programs connect to, for as long as this one wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from ..rpc.errors import NoAnswer
from ..rpc.transport import end_process, ended_error

_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0
# However this program ends, the device is not left behind, holding its port and its flash.
_END_WITH_THIS_PROGRAM = "--end-with-stdin"


class Simulator:
    """A device that has been started by `simulator`."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self._process = process
        self.address = address
        """What to pass as `port`; empty if the device ended at once."""

    async def wait(self) -> None:
        """Until the device ends by itself, which raises DeviceProgramError."""
        assert self._process.stderr is not None
        await self._process.wait()
        said = (await self._process.stderr.read()).decode(errors="replace").splitlines()
        raise ended_error("virtual device", self._process.returncode, said[-1] if said else "")


@asynccontextmanager
async def simulator(arguments: Sequence[str]) -> AsyncIterator[Simulator]:
    """Starts a device with the command line `arguments`, and ends it with the block."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        _END_WITH_THIS_PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield Simulator(process, await _address(process))
    finally:
        await end_process(process, _STOP_TIMEOUT_S)


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            return (await process.stdout.readline()).decode().strip()
    except TimeoutError:
        raise NoAnswer(
            f"The virtual device does not start within {_START_TIMEOUT_S:.0f} seconds.",
            "Try again when this computer has less to do.",
        ) from None
