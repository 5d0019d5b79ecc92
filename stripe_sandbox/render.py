"""Renders stored objects as Stripe's JSON. Fields that a simple card payment leaves empty are present and empty, as at
Stripe, so that callers meet the same `null`s.

The tests validate every answer against Stripe's OpenAPI.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stripe_sandbox.charges import BalanceTransaction, Charge, ChargeStatus, Dispute, Refund, RefundStatus
from stripe_sandbox.customers import Customer
from stripe_sandbox.intents import PaymentIntent, Status
from stripe_sandbox.methods import TOKENS, Card, PaymentMethod
from stripe_sandbox.resources import Json, Resource

API_VERSION = "2026-08-26.dahlia"
"""The version of Stripe's API that the JSON follows."""

_EXPIRY_MONTH = 12
_EXPIRY_YEAR = 2034
_SETTLEMENT_DAYS = 2
_EVIDENCE_DAYS = 7
_DAY = 86_400

CHALLENGE_PATH = "/challenge/"


class Renderer:
    """Renders objects. It is configured with the base URL of the challenge pages."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")
        self._by_kind: Mapping[str, Callable[[Any], Json]] = {
            PaymentIntent.kind: self._intent,
            Charge.kind: _charge,
            BalanceTransaction.kind: _balance_transaction,
            Refund.kind: _refund,
            Dispute.kind: _dispute,
            Customer.kind: _customer,
            PaymentMethod.kind: _payment_method,
        }

    def __call__(self, resource: Resource) -> Json:
        return self._by_kind[resource.kind](resource)

    def challenge_url(self, challenge: str) -> str:
        return f"{self._public_url}{CHALLENGE_PATH}{challenge}"

    def _intent(self, intent: PaymentIntent) -> Json:
        succeeded = intent.status is Status.SUCCEEDED
        automatic = intent.automatic_payment_methods
        return {
            "id": intent.id,
            "object": PaymentIntent.kind,
            "amount": intent.amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": intent.amount if succeeded else 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": automatic.model_dump() if automatic else None,
            "canceled_at": intent.canceled_at,
            "cancellation_reason": intent.cancellation_reason,
            "capture_method": intent.capture_method,
            "client_secret": intent.client_secret,
            "confirmation_method": "automatic",
            "created": intent.created,
            "currency": intent.currency,
            "customer": intent.customer,
            "customer_account": None,
            "description": intent.description,
            "excluded_payment_method_types": None,
            "last_payment_error": intent.last_payment_error,
            "latest_charge": intent.latest_charge,
            "livemode": False,
            "metadata": intent.metadata,
            "next_action": self._next_action(intent),
            "on_behalf_of": None,
            "payment_method": intent.payment_method,
            "payment_method_configuration_details": None,
            "payment_method_options": {
                "card": {
                    "installments": None,
                    "mandate_options": None,
                    "network": None,
                    "request_three_d_secure": "automatic",
                }
            },
            "payment_method_types": ["card"],
            "processing": {"type": "card", "card": {}} if intent.status is Status.PROCESSING else None,
            "receipt_email": intent.receipt_email,
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": intent.status.value,
            "transfer_data": None,
            "transfer_group": None,
        }

    def _next_action(self, intent: PaymentIntent) -> Json | None:
        """A redirect if the caller gave a return URL; otherwise the action of Stripe's client SDK."""
        if intent.challenge is None:
            return None
        url = self.challenge_url(intent.challenge)
        if intent.return_url is not None:
            return {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": intent.return_url}}
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url}}


def _charge(charge: Charge) -> Json:
    card = TOKENS[charge.token]
    succeeded = charge.status is ChargeStatus.SUCCEEDED
    return {
        "id": charge.id,
        "object": Charge.kind,
        "amount": charge.amount,
        "amount_captured": charge.amount_captured,
        "amount_refunded": charge.amount_refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": charge.balance_transaction,
        "billing_details": _empty_billing_details(),
        "calculated_statement_descriptor": "ARGOSY",
        "captured": succeeded,
        "created": charge.created,
        "currency": charge.currency,
        "customer": charge.customer,
        "description": charge.description,
        "disputed": charge.disputed,
        "failure_balance_transaction": None,
        "failure_code": charge.failure_code,
        "failure_message": charge.failure_message,
        "fraud_details": {},
        "livemode": False,
        "metadata": charge.metadata,
        "on_behalf_of": None,
        "outcome": _outcome(charge, card),
        "paid": succeeded,
        "payment_intent": charge.payment_intent,
        "payment_method": charge.payment_method,
        "payment_method_details": {"type": "card", "card": _card_details(charge, card)},
        "receipt_email": charge.receipt_email,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": succeeded and charge.amount_refunded == charge.amount,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": charge.status.value,
        "transfer_data": None,
        "transfer_group": None,
    }


def _outcome(charge: Charge, card: Card) -> Json | None:
    if charge.status is ChargeStatus.PENDING:
        return None
    declined = charge.status is ChargeStatus.FAILED
    blocked = declined and card.decline is not None and card.decline.blocked
    if blocked:
        network_status, type_ = "not_sent_to_network", "blocked"
    else:
        network_status, type_ = (
            ("declined_by_network", "issuer_declined") if declined else ("approved_by_network", "authorized")
        )
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network_status,
        "reason": (charge.decline_code or charge.failure_code) if declined else None,
        "risk_level": card.risk_level,
        "seller_message": charge.failure_message if declined else "Payment complete.",
        "type": type_,
    }


def _card_details(charge: Charge, card: Card) -> Json:
    return {
        "amount_authorized": charge.amount if charge.status is ChargeStatus.SUCCEEDED else None,
        "authorization_code": None,
        "brand": card.brand,
        "checks": _checks(card),
        "country": card.country,
        "exp_month": _EXPIRY_MONTH,
        "exp_year": _EXPIRY_YEAR,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": _fingerprint(card),
        "funding": card.funding,
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card.last4,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": charge.amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": _three_d_secure() if charge.authenticated else None,
        "wallet": None,
    }


def _three_d_secure() -> Json:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }


def _balance_transaction(line: BalanceTransaction) -> Json:
    fee_details = [
        {
            "amount": line.fee,
            "application": None,
            "currency": line.currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return {
        "id": line.id,
        "object": BalanceTransaction.kind,
        "amount": line.amount,
        "available_on": line.created + _SETTLEMENT_DAYS * _DAY,
        "balance_type": "payments",
        "created": line.created,
        "currency": line.currency,
        "description": line.description,
        "exchange_rate": line.exchange_rate,
        "fee": line.fee,
        "fee_details": fee_details if line.fee else [],
        "net": line.net,
        "reporting_category": line.category or line.type,
        "source": line.source,
        "status": "pending",
        "type": line.type,
    }


def _refund(refund: Refund) -> Json:
    failed = refund.status is RefundStatus.FAILED
    card: Json = {"type": "refund", "reference_status": "pending", "reference_type": "acquirer_reference_number"}
    if refund.settled and not failed:
        card |= {"reference": refund.id.removeprefix("re_"), "reference_status": "available"}
    failure = {
        "failure_balance_transaction": refund.failure_balance_transaction,
        "failure_reason": "expired_or_canceled_card",
    }
    return {
        "id": refund.id,
        "object": Refund.kind,
        "amount": refund.amount,
        "balance_transaction": refund.balance_transaction,
        "charge": refund.charge,
        "created": refund.created,
        "currency": refund.currency,
        "destination_details": {"type": "card", "card": card},
        "metadata": refund.metadata,
        "payment_intent": refund.payment_intent,
        "reason": refund.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": refund.status.value,
        "transfer_reversal": None,
        **(failure if failed else {}),
        **({"pending_reason": "processing"} if refund.status is RefundStatus.PENDING else {}),
    }


def _dispute(dispute: Dispute) -> Json:
    card = TOKENS[dispute.token]
    return {
        "id": dispute.id,
        "object": Dispute.kind,
        "amount": dispute.amount,
        "balance_transactions": [_balance_transaction(line) for line in dispute.balance_transactions],
        "charge": dispute.charge,
        "created": dispute.created,
        "currency": dispute.currency,
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": None if dispute.is_over else dispute.created + _EVIDENCE_DAYS * _DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": dispute.is_inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": dispute.payment_intent,
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": card.brand,
                "case_type": "inquiry" if dispute.is_inquiry else "chargeback",
                "network": card.brand,
                "network_reason_code": "83",
            },
        },
        "reason": dispute.reason,
        "status": dispute.status.value,
    }


def _customer(customer: Customer) -> Json:
    return {
        "id": customer.id,
        "object": Customer.kind,
        "address": None,
        "balance": 0,
        "created": customer.created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": customer.description,
        "discount": None,
        "email": customer.email,
        "invoice_prefix": customer.id.removeprefix("cus_")[:8].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": customer.metadata,
        "name": customer.name,
        "next_invoice_sequence": 1,
        "phone": customer.phone,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _payment_method(method: PaymentMethod) -> Json:
    card = method.card
    return {
        "id": method.id,
        "object": PaymentMethod.kind,
        "allow_redisplay": "unspecified",
        "billing_details": _empty_billing_details(),
        "card": {
            "brand": card.brand,
            "checks": _checks(card),
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": _EXPIRY_MONTH,
            "exp_year": _EXPIRY_YEAR,
            "fingerprint": _fingerprint(card),
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": card.brand != "amex"},
            "wallet": None,
        },
        "created": method.created,
        "customer": method.customer,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def _checks(card: Card) -> Json:
    return {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": card.cvc_check}


def _fingerprint(card: Card) -> str:
    """A fingerprint that is equal for equal cards."""
    return f"{card.brand}{card.last4}{card.funding}"


def _empty_billing_details() -> Json:
    fields = ("city", "country", "line1", "line2", "postal_code", "state")
    return {"address": dict.fromkeys(fields), "email": None, "name": None, "phone": None, "tax_id": None}
