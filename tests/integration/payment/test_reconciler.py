"""The reconciler as it runs in a process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.payment.adapters.stripe.client import StripeProvider
from services.payment.domain.payments import Payment, Status
from services.payment.entrypoints.workers import Reconciler
from tests.integration.payment.lab import CHALLENGED, DECLINED, Lab

FAR_OFF = 3600.0
PATIENCE = 30.0


@pytest.fixture
async def running(lab: Lab) -> AsyncIterator[None]:
    """It looks by itself once an hour; between, only an event wakes it."""
    reconciler = Reconciler(lab.reconcile_once, lab.recorder.due, FAR_OFF)
    task = asyncio.create_task(reconciler.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until_nothing_is_due(lab: Lab, payment_id: object) -> Payment:
    async with asyncio.timeout(PATIENCE):
        while (payment := await lab.payment(payment_id)).check_at is not None:
            await asyncio.sleep(0.02)
    return payment


@pytest.mark.usefixtures("running")
async def test_it_works_as_soon_as_there_is_work(lab: Lab) -> None:
    declined = await lab.pay(lab.orders.place(), DECLINED)
    payment = await until_nothing_is_due(lab, declined.payment_id)
    assert (await lab.sandbox.intent(str(payment.provider_reference)))["status"] == "canceled"


@pytest.mark.usefixtures("running")
async def test_one_step_that_hangs_holds_up_no_other(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = await lab.pay(lab.orders.place(), CHALLENGED)
    intent_id = (await lab.payment(hanging.payment_id)).provider_reference
    cancel, never = StripeProvider.cancel, asyncio.Event()

    async def hang(self: StripeProvider, intent: str, reason: object) -> object:
        if intent == intent_id:
            await never.wait()
        return await cancel(self, intent, reason)  # type: ignore[arg-type]

    monkeypatch.setattr(StripeProvider, "cancel", hang)
    await lab.end_order(lab.orders.all[(await lab.payment(hanging.payment_id)).order_id])
    lab.recorder.due.set()
    declined = await lab.pay(lab.orders.place(), DECLINED)
    await until_nothing_is_due(lab, declined.payment_id)
    assert (await lab.payment(hanging.payment_id)).is_live
    never.set()
    assert (await until_nothing_is_due(lab, hanging.payment_id)).status is Status.CANCELLED


async def test_one_step_that_fails_is_put_off_and_holds_up_no_other(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = await lab.pay(lab.orders.place(), DECLINED)
    working = await lab.pay(lab.orders.place(), DECLINED)
    intent_id = (await lab.payment(failing.payment_id)).provider_reference
    cancel = StripeProvider.cancel

    async def fail(self: StripeProvider, intent: str, reason: object) -> object:
        if intent == intent_id:
            raise RuntimeError("a bug")
        return await cancel(self, intent, reason)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "cancel", fail)
        await lab.reconcile()
    assert (await lab.payment(working.payment_id)).check_at is None
    put_off = await lab.payment(failing.payment_id)
    assert (put_off.close_charge, put_off.checks) == (True, 1)
    await lab.reconcile(past=timedelta(seconds=30))
    assert (await lab.payment(failing.payment_id)).check_at is None
