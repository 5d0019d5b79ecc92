"""`argosy payments stranded|retry|close`: payments that need a person."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from cli import audit, output
from cli.databases import database
from cli.environment import settings_of
from services.chassis.plain import clock
from services.payment.adapters.unit_of_work import PostgresPaymentWork
from services.payment.domain.payments import StrandedPayment
from services.payment.entrypoints.mapping import KEPT_ANSWERS
from services.payment.settings import PaymentSettings
from services.payment.use_cases.close_stranded import CloseStranded, CloseStrandedHandler
from services.payment.use_cases.list_stranded import ListStranded, ListStrandedHandler
from services.payment.use_cases.recorder import Recorder
from services.payment.use_cases.retry_stranded import RetryStranded, RetryStrandedHandler

app = typer.Typer(
    help="Payments that need a person: refunds of cancelled orders that failed for good, and intents that Stripe does"
    " not know.",
    no_args_is_help=True,
)

_COLUMNS = ("payment", "order", "since", "reason", "held", "currency", "failure", "disputes")


@app.command()
def stranded(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The maximum number, oldest first.")] = 100,
    as_json: output.AsJson = False,
) -> None:
    """List the payments that need a person and the reason of each.

    For example: argosy payments stranded --json
    """
    found = asyncio.run(_oldest(settings_of("payment", PaymentSettings), limit))
    output.show(map(_row, found), _COLUMNS, as_json=as_json, empty="No payment needs a person.")


@app.command()
def retry(
    payments: Annotated[
        list[UUID] | None, typer.Argument(metavar="[PAYMENT]...", help="The id, as in the list.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All stranded payments.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Retry payments: refund the rest under a new idempotency key, or look the intent up. Fix the cause first.

    Nothing is refunded twice, and nothing while a dispute is open or after it was lost.
    For example: argosy payments retry --all
    """
    if bool(payments) == every:
        output.refuse("choose the payments: by id, or --all")
    settings = settings_of("payment", PaymentSettings)
    audit.begin()
    tried = asyncio.run(_retry(settings, None if every else payments))
    unknown = sorted(set(payments or ()) - set(tried))
    if as_json:
        output.show([{"payment": str(each)} for each in tried], (), as_json=True, empty="")
    else:
        output.say(
            f"{len(tried)} {'payment is' if len(tried) == 1 else 'payments are'} scheduled again.", as_json=False
        )
    if unknown:
        output.refuse(f"not stranded: {', '.join(map(str, unknown))}")


@app.command()
def close(
    payment: Annotated[UUID, typer.Argument(help="The id, as in the list.")],
    how: Annotated[str, typer.Option("--how", help="How it was settled. No personal data.")],
    as_json: output.AsJson = False,
) -> None:
    """Record that a payment was settled in another way, and stop tracking it.

    For example: argosy payments close PAYMENT --how "bank transfer 4711"
    """
    settings = settings_of("payment", PaymentSettings)
    audit.begin()
    if not asyncio.run(_close(settings, payment, how)):
        output.refuse(f"not stranded: {payment}")
    output.say(f"Payment {payment} is closed.", as_json=as_json, payment=str(payment))


async def _oldest(settings: PaymentSettings, limit: int) -> list[StrandedPayment]:
    async with database("payment", settings.database_url) as postgres:
        return await ListStrandedHandler(PostgresPaymentWork(postgres, KEPT_ANSWERS))(ListStranded(limit))


async def _retry(settings: PaymentSettings, ids: Sequence[UUID] | None) -> list[UUID]:
    async with database("payment", settings.database_url) as postgres:
        work = PostgresPaymentWork(postgres, KEPT_ANSWERS)
        retry_stranded = RetryStrandedHandler(work, _recorder(work, settings))
        return await retry_stranded(RetryStranded(ids, audit.operator()))


async def _close(settings: PaymentSettings, payment_id: UUID, how: str) -> bool:
    async with database("payment", settings.database_url) as postgres:
        work = PostgresPaymentWork(postgres, KEPT_ANSWERS)
        close_stranded = CloseStrandedHandler(work, _recorder(work, settings))
        return await close_stranded(CloseStranded(payment_id, how, audit.operator()))


def _recorder(work: PostgresPaymentWork, settings: PaymentSettings) -> Recorder:
    return Recorder.of(work, settings.challenge_timeout)


def _row(payment: StrandedPayment) -> output.Row:
    return {
        "payment": str(payment.id),
        "order": str(payment.order_id),
        "user": str(payment.user_id),
        "since": clock.to_text(payment.since),
        "reason": payment.reason.value,
        "status": payment.status,
        "held": payment.held.text,
        "currency": payment.held.currency,
        "intent": payment.provider_reference,
        "failure": payment.last_failure,
        "disputes": payment.disputes,
    }
