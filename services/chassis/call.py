"""What a handler is told about the call that it answers, besides the request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.chassis import trace_context
from services.chassis.errors import Unauthenticated
from services.chassis.policy import MethodPolicyView

STAFF_ROLE = "staff"
_LONGEST_ID = 128


@dataclass(frozen=True, slots=True)
class User:
    """A signed-in person, as their verified token says."""

    id: str
    roles: frozenset[str]
    session_id: str
    client_app: str

    @property
    def is_staff(self) -> bool:
        """Whether they may act on what is not theirs."""
        return STAFF_ROLE in self.roles


@dataclass(frozen=True, slots=True)
class Service:
    """Another service of ours, as its verified token says."""

    name: str


@dataclass(slots=True, eq=False)  # frozen would cost a microsecond on every call
class Call:
    """One call: who makes it, and what it brought along. Handlers read it, nobody changes it."""

    method: MethodPolicyView
    caller: User | Service | None
    """None: nobody signed in, on a PUBLIC rpc."""
    idempotency_key: str | None
    deadline: float
    """When its time is up, on the event loop's clock."""
    client_app: str
    """`web-app` or `mobile-app`: the token's, else what the client says."""
    metadata: Mapping[str, str | bytes] = field(repr=False)  # it holds the caller's token
    """All of it, keys in lower case, `-bin` values as bytes. Nothing in it proves who the caller is."""
    traceparent: str
    client_address: str
    """The client's IP address as the edge saw it; the peer's for calls that did not come through the edge."""

    def user(self) -> User:
        """The signed-in person. Raises Unauthenticated when there is none."""
        if isinstance(self.caller, User):
            return self.caller
        raise Unauthenticated()

    def remaining(self) -> float:
        """Seconds until the deadline, never below 0."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    @property
    def request_id(self) -> str:
        """The id that the edge gave the call; without one, its trace's."""
        return request_id_of(self.metadata, self.traceparent)


def request_id_of(metadata: Mapping[str, Any], traceparent: str) -> str:
    """The id that the edge gave a call; without one, its trace's."""
    given: str | None = metadata.get("x-request-id")
    return given[:_LONGEST_ID] if given else trace_context.trace_id(traceparent)
