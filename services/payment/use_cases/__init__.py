"""What the payment service does, one use case a file."""

from services.payment.use_cases.confirm_payment import ConfirmPayment
from services.payment.use_cases.create_payment import CreatePayment
from services.payment.use_cases.create_refund import CreateRefund
from services.payment.use_cases.end_order import EndOrder
from services.payment.use_cases.handle_webhook import HandleWebhook
from services.payment.use_cases.look_after_stranded import LookAfterStranded
from services.payment.use_cases.look_up_order_payment import LookUpOrderPayment
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund
from services.payment.use_cases.show_payments import ShowPayments

__all__ = [
    "ConfirmPayment",
    "CreatePayment",
    "CreateRefund",
    "EndOrder",
    "HandleWebhook",
    "LookAfterStranded",
    "LookUpOrderPayment",
    "SettlePayment",
    "SettleRefund",
    "ShowPayments",
]
