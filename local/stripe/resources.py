"""What every stored object has in common."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

Json = dict[str, Any]


class Resource(BaseModel):
    """An immutable object of Stripe's. A change is a copy (`model_copy`), stored over the old one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    """Stripe's name for it, the `object` field of its JSON."""

    prefix: ClassVar[str]
    """What its ids begin with."""

    id: str
    created: int
    """Seconds since the epoch."""
