"""What a service holds open while it runs: a pool, a producer, a channel.

`App.add` takes any object of this shape. It starts it (again and again until the other side is up), asks it how it is,
and stops it when the service drains.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Impaired(Exception):
    """What `check` raises of something that can be used in part: /health names it, and the service goes on SERVING."""


@runtime_checkable
class Resource(Protocol):
    """Something with a life that the app manages."""

    @property
    def name(self) -> str:
        """A short, unique word for logs and for `failing` in /health, such as "postgres"."""

    async def start(self) -> None:
        """Make it ready for use, or raise.

        Raises while the other side is away; the app then waits (capped backoff with jitter) and calls it again, so a
        failed start leaves nothing behind. Should give up by itself within seconds rather than hang.
        """

    async def stop(self) -> None:
        """Release everything. Called once, also when `start` never succeeded; the other side may be away."""

    async def check(self) -> None:
        """Return when it can be used now, raise when it cannot; Impaired when that is true of a part of it alone.

        Called every few seconds after a successful start, with a timeout. It must tell *away* from *busy*: a check that
        queues behind the calls of an overloaded service would take the service out just when it is needed.
        """
