"""What a handler is told about the call that it answers, besides the request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.chassis.errors import Unauthenticated
from services.chassis.policy import MethodPolicyView

STAFF_ROLE = "staff"


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


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who makes it, and what it brought along."""

    method: MethodPolicyView
    caller: User | Service | None
    """None: nobody signed in, on a PUBLIC rpc."""
    idempotency_key: str | None
    deadline: float
    """When its time is up, on the event loop's clock."""
    client_address: str
    """The client's IP address as the edge saw it; the peer's for calls that did not come through the edge."""
    client_app: str
    """`web-app` or `mobile-app`: the token's, else what the client says."""
    metadata: Mapping[str, str | bytes] = field(repr=False)  # it holds the caller's token
    """All of it, keys in lower case, `-bin` values as bytes. Nothing in it proves who the caller is."""
    request_id: str
    traceparent: str

    def user(self) -> User:
        """The signed-in person. Raises Unauthenticated when there is none."""
        if isinstance(self.caller, User):
            return self.caller
        raise Unauthenticated()

    def remaining(self) -> float:
        """Seconds until the deadline, never below 0."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())
