"""How the sandbox misbehaves on request: settings and faults for tests, kept in memory and gone with a restart."""

from collections import deque
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from local.stripe.charges import Settling


class Controls(BaseModel):
    """Lasting settings, changed by `PATCH /_sandbox/controls`."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    webhooks_stopped: bool = False
    """Events pile up until this is false again."""
    webhooks_lost: bool = False
    """Nobody is ever told of what happens from now on; it can be read under `/v1/events` all the same."""
    webhooks_duplicated: bool = False
    """Every event that happens from now on is delivered twice."""
    webhooks_shuffled: bool = False
    """Events that happen from now on arrive in any order, spread over a second."""
    webhooks_delay_seconds: float = Field(default=0, ge=0, le=3600)
    latency_seconds: float = Field(default=0, ge=0, le=3600)
    """How long a POST takes before it is executed; its idempotency key is in use meanwhile."""
    processing_seconds: float = Field(default=2, ge=0, le=86_400)
    """How long an asynchronous payment stays `processing`."""
    settlement_seconds: float = Field(default=1, ge=0, le=86_400)
    """How long a charge stays without its balance transaction, and a refund without the bank's answer."""
    search_lag_seconds: float = Field(default=0, ge=0, le=3600)
    """How long a new PaymentIntent is not found by a search; Stripe's index is usually less than a minute behind."""
    settlement_currency: str | None = Field(default=None, pattern="^[a-z]{3}$")
    """What the account is kept in; null: in whatever is charged."""
    settlement_rate: float = Field(default=1, gt=0)
    """How many of it one of the charge's currency is."""

    @property
    def deliveries(self) -> int:
        """How often an event is delivered."""
        if self.webhooks_lost:
            return 0
        return 2 if self.webhooks_duplicated else 1

    @property
    def settling(self) -> Settling:
        """How amounts come onto the balance."""
        return Settling(self.settlement_currency, self.settlement_rate)


class FaultKind(StrEnum):
    DROP = "drop"
    HOLD = "hold"
    ERROR = "error"
    """It is a 500, kept under the request's key; nothing was done."""
    ERROR_AFTER = "error_after"
    """It is a 500, kept under the request's key; everything was done."""
    UNAUTHORIZED = "unauthorized"
    """It is a 401, and nothing was done."""
    BUSY = "busy"
    """It is a 429, and nothing was done."""


class Fault(BaseModel):
    """What happens to the next answer to a POST: after it was committed (drop, hold), or instead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    seconds: float = Field(default=0, ge=0, le=3600)
    """How long to hold the answer."""
    count: int = Field(default=1, ge=1, le=1_000)
    """For how many answers in a row."""


class Faults:
    """Faults that wait for their answers, first come, first served."""

    def __init__(self) -> None:
        self._waiting: deque[Fault] = deque()

    def add(self, fault: Fault) -> None:
        self._waiting.extend([fault] * fault.count)

    def take(self, *kinds: FaultKind) -> Fault | None:
        """The next one, if it is of one of these kinds."""
        if self._waiting and self._waiting[0].kind in kinds:
            return self._waiting.popleft()
        return None

    def clear(self) -> None:
        self._waiting.clear()

    def __len__(self) -> int:
        return len(self._waiting)
