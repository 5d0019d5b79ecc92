"""Resources: what a service opens at start and closes at the drain, such as a pool, a producer or a channel.

`App.add` accepts any object with this interface. The app starts it with retries, checks it periodically, and stops it
at the drain.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Impaired(Exception):
    """Raised by `check` if the resource works in part. /health lists it; the service stays SERVING."""


@runtime_checkable
class Resource(Protocol):
    """Something that the app starts, checks and stops."""

    @property
    def name(self) -> str:
        """A short, unique name for logs and for `failing` in /health, such as "postgres"."""

    async def start(self) -> None:
        """Make it ready for use.

        Raises any exception while the remote side is unavailable. The app then calls it again with backoff, so a failed
        start must clean up. It must return or raise within seconds.
        """

    async def stop(self) -> None:
        """Release everything. Called once, also if `start` never succeeded or the remote side is unavailable."""

    async def check(self) -> None:
        """Return if it can be used now. Raise Impaired if it works in part, any other exception if it does not work.

        Called every few seconds after a successful start, with a timeout. It must distinguish unavailable from busy: a
        check that queues behind the calls of an overloaded service would make the service NOT_SERVING under load.
        """
