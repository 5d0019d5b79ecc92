"""Base class of all stored objects."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

Json = dict[str, Any]


class Resource(BaseModel):
    """An immutable Stripe object. A change is a copy (`model_copy`) that replaces the stored one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    """Stripe's name of the kind, the `object` field of its JSON."""

    prefix: ClassVar[str]
    """The prefix of its ids."""

    id: str
    created: int
    """Unix time, seconds."""
