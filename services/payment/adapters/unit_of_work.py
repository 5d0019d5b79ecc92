"""One transaction on the payment database (ports.PaymentUnit), and the work that opens it (ports.Work)."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from services.chassis.data import idempotency
from services.chassis.data.postgres import Connection, Postgres
from services.chassis.data.postgres_work import Codec, Codecs, PostgresUnit, PostgresWork
from services.payment.adapters.answers import PostgresAnswers, decode
from services.payment.adapters.disputes import PostgresDisputes
from services.payment.adapters.facts import encode
from services.payment.adapters.ledger import PostgresLedger
from services.payment.adapters.notices import PostgresNotices
from services.payment.adapters.paid_orders import PostgresPaidOrders
from services.payment.adapters.payments import PostgresPayments
from services.payment.adapters.refunds import PostgresRefunds
from services.payment.adapters.store_credit.balances import PostgresCredit
from services.payment.adapters.stranded import PostgresStranded
from services.payment.domain.facts import Fact
from services.payment.ports import KeptUnder

CONSUMER = "payment-service-group"
"""The consumer group whose processed events the inbox records."""

A = TypeVar("A")


class PostgresPaymentUnit(PostgresUnit[Fact]):
    """The repositories on one connection."""

    def __init__(self, codecs: Codecs, connection: Connection) -> None:
        super().__init__(connection, CONSUMER, encode)
        self.payments = PostgresPayments(connection)
        self.refunds = PostgresRefunds(connection)
        self.ledger = PostgresLedger(connection)
        self.disputes = PostgresDisputes(connection)
        self.credit = PostgresCredit(connection)
        self.orders = PostgresPaidOrders(connection)
        self.notices = PostgresNotices(connection)
        self.stranded = PostgresStranded(connection)
        self.answers = PostgresAnswers(connection, codecs)


class PostgresPaymentWork(PostgresWork[PostgresPaymentUnit]):
    """Opens units of work on a pool.

    Args:
        postgres: the pool.
        codecs: how each type of answers is kept.
    """

    def __init__(self, postgres: Postgres, codecs: Codecs) -> None:
        super().__init__(postgres, partial(PostgresPaymentUnit, codecs), codecs)
        self._pool = postgres
        self._answer_codecs = codecs

    async def answer(self, where: KeptUnder, answer: type[A]) -> A:
        """See ports.Work.answer."""
        codec: Codec[A] = self._answer_codecs[answer]
        return decode(codec, await idempotency.wait_for_answer(self._pool, where.scope, where.key, where.fingerprint))
