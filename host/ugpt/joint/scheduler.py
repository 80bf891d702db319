"""Dask's scheduler: one for a run alone, or one that exists. It imports Dask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from distributed import Client, Scheduler
from distributed.security import Security

from ..errors import reason_of
from .addresses import require_safe
from .errors import BadScheduler

LOOPBACK = "127.0.0.1"
RETRIES = 20
"""How many boards, or the same one as often, may be lost over one task."""
_REACH_TIMEOUT_S = 10.0


class Connection:
    """To a scheduler, which may go and come again."""

    def __init__(
        self, client: Client, address: str, security: Security, host: str | None = None
    ) -> None:
        """`host` is where worker processes listen; None: where the scheduler reaches them."""
        self.client = client
        """Another one once the scheduler was away for long."""
        self.address = address
        self.security = security
        self.host = host
        self._renewing = asyncio.Lock()

    async def aclose(self) -> None:
        await self.client.close()

    async def names(self) -> dict[str, str]:
        """The workers that carry a board: the address of each, by its name.

        Raises BadScheduler if the scheduler is gone.
        """
        try:
            async with asyncio.timeout(_REACH_TIMEOUT_S):
                await self._renew()
                known = await self.client.scheduler.identity()
        except (OSError, RuntimeError, ValueError) as error:
            raise lost(self.address) from error
        return {
            str(worker["name"]): address
            for address, worker in known["workers"].items()
            if worker["resources"].get("board")
        }

    async def _renew(self) -> None:
        """A client that has lost its scheduler for some time closes itself for good."""
        async with self._renewing:
            if self.client.status == "closed":
                self.client = await _client(self.address, self.security)


def lost(address: str) -> BadScheduler:
    return BadScheduler(
        f"The scheduler {address} was lost.", "Start it again, then resume the run."
    )


@asynccontextmanager
async def connected(scheduler: str | None) -> AsyncIterator[Connection]:
    """A connection to `scheduler`, or to one that ends with the block.

    That one is on the loopback, with mutual TLS of keys that nobody else has. Raises BadScheduler.
    """
    # Each has a level of its own; asyncio tells of futures that Dask leaves behind at its end.
    for name in ("distributed", "distributed.client", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler is None:
        async with _own_scheduler() as connection:
            yield connection
        return
    require_safe(scheduler)
    security = Security()
    client = await _client(scheduler, security)
    async with aclosing(Connection(client, scheduler, security)) as connection:
        yield connection


@asynccontextmanager
async def _own_scheduler() -> AsyncIterator[Connection]:
    security = Security.temporary()
    async with Scheduler(
        host=LOOPBACK,
        protocol="tls",
        security=security,
        dashboard=False,
        dashboard_address=f"{LOOPBACK}:0",
        allowed_failures=RETRIES,
    ) as scheduler:
        client = await _client(scheduler.address, security)
        async with aclosing(Connection(client, scheduler.address, security, LOOPBACK)) as own:
            yield own


async def _client(address: str, security: Security) -> Client:
    client: Client | None = None
    try:
        client = Client(
            address,
            asynchronous=True,
            security=security,
            set_as_default=False,
            timeout=_REACH_TIMEOUT_S,
        )
        async with asyncio.timeout(_REACH_TIMEOUT_S):  # Dask waits for one that is silent
            return await client
    except BaseException as error:  # whatever is there may answer anything
        if client is not None:
            await client.close()
        if not isinstance(error, Exception):
            raise
        raise BadScheduler(
            f"The scheduler {address} cannot be reached: {_why_not(error)}.",
            "Check the address, and the keys in Dask's configuration (distributed.comm.tls).",
        ) from None


def _why_not(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, TypeError) and "ssl_context" in str(error):
        return "Dask's configuration names no keys"
    if isinstance(error, FileNotFoundError):
        return "a file with keys is not where Dask's configuration says"
    if isinstance(error, OSError | ValueError | TypeError | RuntimeError):
        return reason_of(error)
    return "what answers there is no scheduler"
