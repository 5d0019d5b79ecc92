"""Customers: only the fields that an intent refers to."""

from typing import ClassVar

from stripe_sandbox.resources import Resource


class Customer(Resource):
    kind: ClassVar[str] = "customer"
    prefix: ClassVar[str] = "cus"

    metadata: dict[str, str]
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    description: str | None = None
