"""Settings and faults that tests inject into the sandbox. They are kept in memory; a restart resets them."""

from collections import deque
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from stripe_sandbox.charges import Settling


class Controls(BaseModel):
    """Settings that last until changed, by `PATCH /_sandbox/controls`."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    webhooks_stopped: bool = False
    """Queue events and deliver none while true."""
    webhooks_lost: bool = False
    """Never deliver events that happen while true. `/v1/events` still lists them."""
    webhooks_duplicated: bool = False
    """Deliver every event that happens while true twice."""
    webhooks_shuffled: bool = False
    """Deliver events that happen while true in random order, spread over a second."""
    webhooks_delay_seconds: float = Field(default=0, ge=0, le=3600)
    latency_seconds: float = Field(default=0, ge=0, le=3600)
    """Delay before a POST is executed, in seconds; its idempotency key is in use meanwhile."""
    processing_seconds: float = Field(default=2, ge=0, le=86_400)
    """How long an asynchronous payment stays `processing`, in seconds."""
    settlement_seconds: float = Field(default=1, ge=0, le=86_400)
    """Delay of a charge's balance transaction and of the bank's answer to a refund, in seconds."""
    search_lag_seconds: float = Field(default=0, ge=0, le=3600)
    """Delay until a search finds a new PaymentIntent, in seconds. Stripe's index usually lags less than a minute."""
    settlement_currency: str | None = Field(default=None, pattern="^[a-z]{3}$")
    """The currency of the account's balance; null: the currency of each charge."""
    settlement_rate: float = Field(default=1, gt=0)
    """How many units of it one unit of the charge's currency is."""

    @property
    def deliveries(self) -> int:
        """How often each event is delivered."""
        if self.webhooks_lost:
            return 0
        return 2 if self.webhooks_duplicated else 1

    @property
    def settling(self) -> Settling:
        """How charges are converted to the account's currency."""
        return Settling(self.settlement_currency, self.settlement_rate)


class FaultKind(StrEnum):
    DROP = "drop"
    HOLD = "hold"
    ERROR = "error"
    """Answer 500, stored under the request's key; nothing was done."""
    ERROR_AFTER = "error_after"
    """Answer 500, stored under the request's key; everything was done."""
    UNAUTHORIZED = "unauthorized"
    """Answer 401; nothing was done."""
    BUSY = "busy"
    """Answer 429; nothing was done."""


class Fault(BaseModel):
    """A fault of the next answers to POSTs: after the commit (drop, hold), or instead of the answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    seconds: float = Field(default=0, ge=0, le=3600)
    """How long to hold the answer, in seconds."""
    count: int = Field(default=1, ge=1, le=1_000)
    """How many answers in a row it affects."""


class Faults:
    """A queue of faults, first in, first out."""

    def __init__(self) -> None:
        self._waiting: deque[Fault] = deque()

    def add(self, fault: Fault) -> None:
        self._waiting.extend([fault] * fault.count)

    def take(self, *kinds: FaultKind) -> Fault | None:
        """Remove and return the next fault if it is of one of these kinds."""
        if self._waiting and self._waiting[0].kind in kinds:
            return self._waiting.popleft()
        return None

    def clear(self) -> None:
        self._waiting.clear()

    def __len__(self) -> int:
        return len(self._waiting)
