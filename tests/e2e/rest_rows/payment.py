"""The rows of the service payment."""

from __future__ import annotations

import uuid

from tests.e2e.rest_rows import Ask, Scene, redrive_of, row
from tests.e2e.test_bad_input import signed, webhook
from tests.support.shop import CHALLENGED, VISA


@row("PaymentService.CreatePayment")
async def create_payment(scene: Scene) -> Ask:
    order = await scene.owner.order()
    body = {"orderId": order["id"], "amount": 59.98, "currency": "USD", "paymentMethodId": VISA}
    return Ask(scene.owner, body=body, answers={"status": "succeeded", "amount": "59.98", "currency": "USD"})


@row("PaymentService.GetPayment")
async def get_payment(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.paid}, answers={"paymentId": scene.paid, "status": "succeeded"})


@row("PaymentService.ListPayments")
async def list_payments(scene: Scene) -> Ask:
    return Ask(scene.owner, {"orderId": scene.order}, answers={"payments": []}, stranger=None)


@row("PaymentService.ConfirmPayment")
async def confirm_payment(scene: Scene) -> Ask:
    payment = await scene.owner.pay(await scene.owner.order(), CHALLENGED)
    await scene.owner.approve(payment)
    return Ask(scene.owner, {"id": payment["paymentId"]}, {}, {"status": "succeeded"})


@row("PaymentService.CreateRefund")
async def create_refund(scene: Scene) -> Ask:
    return Ask(scene.staff, {"id": scene.paid}, {"amount": 1.5}, {"amount": "1.50"})


@row("PaymentService.ListRefunds")
async def list_refunds(scene: Scene) -> Ask:
    return Ask(scene.staff, {"id": scene.paid})


@row("PaymentService.GrantCredit")
async def grant_credit(scene: Scene) -> Ask:
    body = {"userId": scene.owner.id, "amount": 12.5, "currency": "USD", "reason": "a late parcel"}
    return Ask(scene.staff, body=body, answers={"kind": "grant", "amount": "12.50", "currency": "USD"})


@row("PaymentService.GetCredit")
async def get_credit(scene: Scene) -> Ask:
    return Ask(scene.owner, {"userId": scene.owner.id}, stranger=403)


@row("PaymentService.ListCreditEntries")
async def list_credit_entries(scene: Scene) -> Ask:
    return Ask(scene.owner, {"userId": scene.owner.id, "pageSize": "1"}, stranger=403)


@row("PaymentService.HandleStripeWebhook")
async def handle_stripe_webhook(scene: Scene) -> Ask:
    about = {"id": f"pi_{uuid.uuid4().hex}", "object": "payment_intent", "metadata": {}}
    payload = webhook("payment_intent.succeeded", about)
    headers = signed(scene.shop.stack, payload)
    return Ask(None, body=payload.decode(), headers=headers, answers={"received": True})


@row("PaymentService.ListPaymentDrifts")
async def list_payment_drifts(scene: Scene) -> Ask:
    return Ask(scene.staff, {"pageSize": "1"})


@row("PaymentService.ListPaymentDeadLetters")
async def list_payment_dead_letters(scene: Scene) -> Ask:
    return Ask(scene.staff, {"pageSize": "1"})


@row("PaymentService.RedrivePaymentDeadLetter")
async def redrive_payment_dead_letter(scene: Scene) -> Ask:
    return redrive_of(scene, "payment")
