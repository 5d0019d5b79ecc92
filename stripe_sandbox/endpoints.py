"""The API's endpoints: path, parameters, operation. Parameters are read before the operation runs, because an answer
to invalid parameters is never stored under an idempotency key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from stripe_sandbox import disputes, payments, queries, refunding
from stripe_sandbox.charges import BalanceTransaction, Charge, Dispute, Refund, written
from stripe_sandbox.currencies import CURRENCIES, LARGEST_AMOUNT, multiple, smallest_amount
from stripe_sandbox.customers import Customer
from stripe_sandbox.errors import invalid_parameter, missing_parameter, not_a_multiple
from stripe_sandbox.ids import new_id
from stripe_sandbox.intents import AutomaticMethods, PaymentIntent
from stripe_sandbox.paging import Page
from stripe_sandbox.params import Params
from stripe_sandbox.payments import Confirmation, Creation
from stripe_sandbox.queries import Where
from stripe_sandbox.refunding import RefundRequest
from stripe_sandbox.resources import Resource
from stripe_sandbox.work import Answer, Work

Path = Mapping[str, str]
Operation = Callable[[Work], Answer]
Read = Callable[[Params, Path], Operation]

_CANCELLATION_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
_REFUND_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: Literal["GET", "POST"]
    path: str
    read: Read


def _create_intent(params: Params, _: Path) -> Operation:
    currency = _currency(params)
    confirm = params.flag("confirm")
    method = params.text("payment_method")
    confirmation = _confirmation(params, method)
    if not confirm:
        _refuse_without_confirm(confirmation)
    creation = Creation(
        amount=_amount(params, currency),
        currency=currency,
        payment_method=method,
        customer=params.text("customer"),
        description=params.text("description"),
        receipt_email=params.text("receipt_email"),
        capture_method=_capture_method(params),
        automatic_payment_methods=_automatic_methods(params),
        metadata=params.metadata(),
        confirmation=confirmation if confirm else None,
    )
    params.choice("confirmation_method", ("automatic",))
    return lambda work: payments.create(work, creation)


def _confirm_intent(params: Params, path: Path) -> Operation:
    confirmation = _confirmation(params, params.text("payment_method"))
    return lambda work: payments.confirm(work, path["id"], confirmation)


def _cancel_intent(params: Params, path: Path) -> Operation:
    reason = params.choice("cancellation_reason", _CANCELLATION_REASONS)
    return lambda work: payments.cancel(work, path["id"], reason)


def _search_intents(params: Params, _: Path) -> Operation:
    query, limit, cursor = params.required_text("query"), _limit(params), params.text("page")
    return lambda work: queries.search_intents(work, "/v1/payment_intents/search", query, limit, cursor)


def _create_refund(params: Params, _: Path) -> Operation:
    asked = RefundRequest(
        charge=params.text("charge"),
        payment_intent=params.text("payment_intent"),
        amount=params.integer("amount", least=1, most=LARGEST_AMOUNT),
        reason=params.choice("reason", _REFUND_REASONS),
        metadata=params.metadata(),
    )
    if asked.charge is not None and asked.payment_intent is not None:
        raise invalid_parameter("charge", "You may only specify one of these parameters: charge, payment_intent.")
    return lambda work: refunding.refund(work, asked)


def _accept_dispute(_: Params, path: Path) -> Operation:
    return lambda work: disputes.accept(work, path["id"])


def _create_customer(params: Params, _: Path) -> Operation:
    email, name, phone = params.text("email"), params.text("name"), params.text("phone")
    description, metadata = params.text("description"), params.metadata()

    def create(work: Work) -> Answer:
        customer = Customer(
            id=new_id(Customer.prefix),
            created=work.now,
            metadata=metadata,
            email=email,
            name=name,
            phone=phone,
            description=description,
        )
        work.objects.add(customer)
        work.emit("customer.created", customer)
        return Answer(work.render(customer))

    return create


def _list_events(params: Params, _: Path) -> Operation:
    page, type_ = _page(params), params.text("type")
    return lambda work: queries.list_events(work, "/v1/events", page, type_)


def _retrieve(type_: type[Resource], param: str) -> Read:
    def read(_: Params, path: Path) -> Operation:
        return lambda work: queries.retrieve(work, type_, path["id"], param)

    return read


def _list(type_: type[Resource], url: str, *filters: str) -> Read:
    def read(params: Params, _: Path) -> Operation:
        page = _page(params)
        where: Where = {name: params.text(name) for name in filters}
        return lambda work: queries.list_of(work, type_, url, page, where)

    return read


def _retrieve_event(_: Params, path: Path) -> Operation:
    return lambda work: queries.retrieve_event(work, path["id"])


def _retrieve_payment_method(_: Params, path: Path) -> Operation:
    return lambda work: queries.retrieve_payment_method(work, path["id"])


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", "/v1/payment_intents", _create_intent),
    Endpoint("GET", "/v1/payment_intents", _list(PaymentIntent, "/v1/payment_intents", "customer")),
    Endpoint("GET", "/v1/payment_intents/search", _search_intents),
    Endpoint("GET", "/v1/payment_intents/{id}", _retrieve(PaymentIntent, "intent")),
    Endpoint("POST", "/v1/payment_intents/{id}/confirm", _confirm_intent),
    Endpoint("POST", "/v1/payment_intents/{id}/cancel", _cancel_intent),
    Endpoint("GET", "/v1/payment_methods/{id}", _retrieve_payment_method),
    Endpoint("GET", "/v1/charges", _list(Charge, "/v1/charges", "customer", "payment_intent")),
    Endpoint("GET", "/v1/charges/{id}", _retrieve(Charge, "id")),
    Endpoint("GET", "/v1/balance_transactions/{id}", _retrieve(BalanceTransaction, "id")),
    Endpoint("POST", "/v1/refunds", _create_refund),
    Endpoint("GET", "/v1/refunds", _list(Refund, "/v1/refunds", "charge", "payment_intent")),
    Endpoint("GET", "/v1/refunds/{id}", _retrieve(Refund, "id")),
    Endpoint("GET", "/v1/disputes", _list(Dispute, "/v1/disputes", "charge", "payment_intent")),
    Endpoint("GET", "/v1/disputes/{id}", _retrieve(Dispute, "dispute")),
    Endpoint("POST", "/v1/disputes/{id}/close", _accept_dispute),
    Endpoint("POST", "/v1/customers", _create_customer),
    Endpoint("GET", "/v1/customers/{id}", _retrieve(Customer, "id")),
    Endpoint("GET", "/v1/events", _list_events),
    Endpoint("GET", "/v1/events/{id}", _retrieve_event),
)


def _currency(params: Params) -> str:
    currency = params.required_text("currency").lower()
    if currency not in CURRENCIES:
        raise invalid_parameter(
            "currency", f"Invalid currency: {currency[:20]}. Use a lower-case ISO code of three letters."
        )
    return currency


def _amount(params: Params, currency: str) -> int:
    amount = params.integer("amount", least=0, most=10**12)
    if amount is None:
        raise missing_parameter("amount")
    smallest = smallest_amount(currency)
    if amount < smallest:
        raise invalid_parameter("amount", f"Amount must be at least {written(smallest, currency)}", "amount_too_small")
    if amount > LARGEST_AMOUNT:
        raise invalid_parameter(
            "amount", f"Amount must be no more than {written(LARGEST_AMOUNT, currency)}", "amount_too_large"
        )
    if amount % multiple(currency):
        raise not_a_multiple(multiple(currency), currency)
    return amount


def _confirmation(params: Params, method: str | None) -> Confirmation:
    return Confirmation(
        payment_method=method,
        return_url=params.url("return_url"),
        off_session=params.flag("off_session"),
        error_on_requires_action=params.flag("error_on_requires_action"),
    )


def _refuse_without_confirm(confirmation: Confirmation) -> None:
    given = {
        "return_url": confirmation.return_url is not None,
        "off_session": confirmation.off_session,
        "error_on_requires_action": confirmation.error_on_requires_action,
    }
    for name, present in given.items():
        if present:
            raise invalid_parameter(name, f"The parameter {name} may only be used together with confirm=true.")


def _capture_method(params: Params) -> Literal["automatic", "automatic_async"]:
    """`automatic_async` by default since 2024-04-10; `manual` is not supported."""
    chosen = params.choice("capture_method", ("automatic", "automatic_async")) or "automatic_async"
    return cast(Literal["automatic", "automatic_async"], chosen)


def _automatic_methods(params: Params) -> AutomaticMethods | None:
    """On by default since 2023-08-16, unless the request names payment method types."""
    types = params.texts("payment_method_types")
    nested = params.nested("automatic_payment_methods")
    if any(type_ != "card" for type_ in types):
        raise invalid_parameter("payment_method_types", "This sandbox takes cards only: payment_method_types[]=card.")
    if nested is None:
        return None if types else AutomaticMethods(enabled=True)
    if types:
        raise invalid_parameter(
            "payment_method_types", "You may only specify one of payment_method_types and automatic_payment_methods."
        )
    enabled = nested.choice("enabled", ("true", "false"))
    redirects = nested.choice("allow_redirects", ("always", "never")) or "always"
    nested.done()
    if enabled is None:
        raise missing_parameter("automatic_payment_methods[enabled]")
    return AutomaticMethods(enabled=enabled == "true", allow_redirects=cast(Literal["always", "never"], redirects))


def _limit(params: Params) -> int:
    return params.integer("limit", least=1, most=100) or 10


def _page(params: Params) -> Page:
    page = Page(_limit(params), params.text("starting_after"), params.text("ending_before"))
    if page.starting_after and page.ending_before:
        raise invalid_parameter("ending_before", "You may only specify one of starting_after and ending_before.")
    return page
