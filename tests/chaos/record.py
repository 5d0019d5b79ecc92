"""Every request of a run and its answer: what the checker holds the system to."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

Json = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """One request, and what came back. Times are seconds since the run began."""

    caller: str
    method: str
    path: str
    key: str | None
    """The idempotency key."""
    body: Json | None
    asked_at: float
    answered_at: float
    status: int
    """The HTTP status; 0 when the connection ended without an answer."""
    answer: Json = field(default_factory=dict)

    @property
    def unanswered(self) -> bool:
        """Whether it is not known what became of the request: it must be safe to repeat."""
        return self.status == 0 or self.status in (502, 503, 504)


class Record:
    """Exchanges in the order in which they ended, in memory and in a file of one JSON object a line."""

    def __init__(self, file: Path) -> None:
        self.exchanges: list[Exchange] = []
        self._began = time.monotonic()
        self._file = file.open("w")

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def begin(self) -> None:
        """The run begins now: from here on its seconds are counted."""
        self._began = time.monotonic()

    def close(self) -> None:
        """Nothing more is recorded."""
        self._file.close()

    async def call(
        self,
        http: httpx.AsyncClient,
        caller: str,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str],
        patience: float | None = None,
    ) -> Exchange:
        """Make one request of `/api/v1{path}` and record what came of it. Raises nothing that the network did.

        patience: seconds after which the caller gives up; None: the client's own.
        """
        asked = self.now
        sent = {**headers, **({"Idempotency-Key": key} if key else {})}
        try:
            timeout = http.timeout if patience is None else patience
            answer = await http.request(method, f"/api/v1{path}", json=body, headers=sent, timeout=timeout)
            status, content = answer.status_code, answer.json()
        except (httpx.TransportError, ValueError):
            status, content = 0, {}
        exchange = Exchange(caller, method, path, key, body, asked, self.now, status, content)
        self.exchanges.append(exchange)
        self._file.write(json.dumps(asdict(exchange) | {"answer": _without_secrets(content)}) + "\n")
        return exchange


def _without_secrets(answer: Json) -> Json:
    return {name: value for name, value in answer.items() if name not in ("token", "clientSecret")}
