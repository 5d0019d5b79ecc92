"""Watches an order in a thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

Json = dict[str, Any]


class WatchError(Exception):
    """The stream did not deliver the expected states."""


class Watch:
    """`with Watch(http, order_id, "confirmed", tell): …` calls `tell` with each state of the order, in a thread.

    Entering the block waits for the present state, leaving it waits for the last one.
    """

    def __init__(
        self, http: httpx.Client, order_id: str, last: str, tell: Callable[[Json], None], patience: float
    ) -> None:
        """`last`: the status that ends the watch; `patience`: the longest wait for a state, seconds."""
        self._http = http
        self._path = f"/orders/{order_id}:watch"
        self._last = last
        self._tell = tell
        self._patience = patience
        self._listening = threading.Event()
        self._seen: list[str] = []
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._read, name="watch", daemon=True)

    def __enter__(self) -> Self:
        """Raises WatchError if the present state does not arrive."""
        self._thread.start()
        self._listening.wait(self._patience)
        if not self._seen:
            raise WatchError(f"{self._path} shows nothing: {self._failure or 'no answer'}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises WatchError if the last state does not arrive, unless the block itself failed."""
        if error is not None:
            return
        self._thread.join(self._patience)
        if self._seen[-1] != self._last:
            raise WatchError(
                f"{self._path} ends after {self._seen}, not with {self._last}: {self._failure or 'silence'}"
            )

    def _read(self) -> None:
        try:
            with self._http.stream("GET", self._path, timeout=self._patience) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise WatchError(f"{answer.status_code} {answer.read().decode()}")
                self._follow(answer)
        except (httpx.HTTPError, WatchError) as failure:
            self._failure = failure
        finally:
            self._listening.set()

    def _follow(self, answer: httpx.Response) -> None:
        for line in answer.iter_lines():
            order: Json = json.loads(line)
            self._tell(order)
            self._seen.append(order["status"])
            self._listening.set()
            if order["status"] == self._last:
                return
