"""Watches the services' logs: each call that a service has answered lights up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from local.ports import SERVICES
from local.stack import Stack
from playground import sparks
from playground.sparks import Spark
from playground.stream import Stream
from playground.watching.log_tail import LogTail

_EVERY_SECONDS = 0.25
_MOST_AT_ONCE = 60


class Calls:
    """Follows the logs while a page is open."""

    def __init__(self, stack: Stack, stream: Stream) -> None:
        self._stream = stream
        self._tails: Sequence[LogTail] = [LogTail(stack.logs / f"{name}.log") for name in SERVICES]

    async def watch(self) -> None:
        """Publish a spark for each call from now on."""
        self.read()
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            for spark in calls_in(self.read())[-_MOST_AT_ONCE:]:
                self._stream.publish("spark", asdict(spark))

    def read(self) -> list[str]:
        """The new lines of all logs."""
        return [line for tail in self._tails for line in tail.new()]

    def recent(self) -> list[str]:
        """The last lines of all logs."""
        return [line for tail in self._tails for line in tail.recent]


def calls_in(lines: Iterable[str]) -> list[Spark]:
    """The sparks of the calls in log lines; other lines are passed over."""
    found: list[Spark] = []
    for line in lines:
        if '"event":"call"' in line:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            found += sparks.of_call(str(entry.get("service", "")), entry)
    return found
