"""One transaction on the user service's database (ports.UserUnit)."""

from __future__ import annotations

from pydantic import SecretStr

from services.chassis.data.postgres import Connection, Postgres
from services.chassis.data.postgres_work import Codecs, PostgresUnit, PostgresWork
from services.user.adapters.accounts import PostgresAccounts
from services.user.adapters.address_changes import PostgresAddressChanges
from services.user.adapters.facts import encode
from services.user.adapters.known_clients import PostgresKnownClients
from services.user.adapters.mail_asks import PostgresMailAsks
from services.user.adapters.mail_requests import PostgresMailRequests
from services.user.adapters.reset_wishes import PostgresResetWishes
from services.user.adapters.sessions import PostgresSessions
from services.user.adapters.sign_in_failures import PostgresSignInFailures
from services.user.domain.facts import Fact

_CONSUMER = "user-service-group"
"""The service consumes nothing, so no event is recorded under this name."""


class PostgresUserUnit(PostgresUnit[Fact]):
    """The repositories on one connection."""

    def __init__(self, connection: Connection, secret: SecretStr) -> None:
        """`secret` keys the hashes under which failed sign-ins and requested mails are counted."""
        super().__init__(connection, _CONSUMER, encode)
        self.accounts = PostgresAccounts(connection)
        self.sessions = PostgresSessions(connection)
        self.address_changes = PostgresAddressChanges(connection)
        self.mail_requests = PostgresMailRequests(connection)
        self.mail_asks = PostgresMailAsks(connection, secret)
        self.sign_in_failures = PostgresSignInFailures(connection, secret)
        self.known_clients = PostgresKnownClients(connection, secret)
        self.reset_wishes = PostgresResetWishes(connection)


def postgres_work(
    postgres: Postgres, secret: SecretStr, codecs: Codecs | None = None
) -> PostgresWork[PostgresUserUnit]:
    """Units of work on a pool; `secret` as in PostgresUserUnit."""
    return PostgresWork(postgres, lambda connection: PostgresUserUnit(connection, secret), codecs)
