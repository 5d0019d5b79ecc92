"""Operations on PaymentIntents: each runs within one transaction, changes the objects and emits the events.

A raised StripeError rolls the transaction back; a decline is an Answer, so that its changes are committed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from stripe_sandbox import intents
from stripe_sandbox.charges import BalanceTransaction, Charge, ChargeStatus, fee_on
from stripe_sandbox.customers import Customer
from stripe_sandbox.errors import CARD, StripeError, invalid_parameter, no_such, unexpected_state
from stripe_sandbox.ids import new_id, random_token
from stripe_sandbox.intents import AutomaticMethods, PaymentIntent, Status, Step, UnexpectedState
from stripe_sandbox.methods import AUTHENTICATION_REQUIRED, TOKENS, Decline, Disputing, PaymentMethod
from stripe_sandbox.resources import Json
from stripe_sandbox.work import Answer, Task, Work


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The parameters of a payment attempt."""

    payment_method: str | None
    return_url: str | None
    off_session: bool = False
    error_on_requires_action: bool = False


@dataclass(frozen=True, slots=True)
class Creation:
    """The parameters of a new intent; with `confirmation` its first attempt begins at once."""

    amount: int
    currency: str
    payment_method: str | None
    customer: str | None
    description: str | None
    receipt_email: str | None
    capture_method: Literal["automatic", "automatic_async"]
    automatic_payment_methods: AutomaticMethods | None
    metadata: dict[str, str]
    confirmation: Confirmation | None


def create(work: Work, creation: Creation) -> Answer:
    if creation.customer is not None and work.objects.find(Customer, creation.customer) is None:
        raise no_such("customer", creation.customer, "customer")
    method = _method_for(work, creation.payment_method, creation.customer)
    id_ = new_id(PaymentIntent.prefix)
    intent = PaymentIntent(
        id=id_,
        created=work.now,
        status=Status.REQUIRES_PAYMENT_METHOD if method is None else Status.REQUIRES_CONFIRMATION,
        amount=creation.amount,
        currency=creation.currency,
        client_secret=f"{id_}_secret_{random_token()}",
        capture_method=creation.capture_method,
        automatic_payment_methods=creation.automatic_payment_methods,
        metadata=creation.metadata,
        customer=creation.customer,
        description=creation.description,
        receipt_email=creation.receipt_email,
        payment_method=method.id if method else None,
    )
    work.objects.add(intent)
    work.objects.index_metadata(intent.id, intent.metadata)
    work.emit("payment_intent.created", intent)
    if creation.confirmation is None:
        return Answer(work.render(intent))
    if method is None:
        raise _no_method(work, intent)
    _require_return_url(intent, creation.confirmation)
    return _attempt(work, intent, method, creation.confirmation)


def confirm(work: Work, id_: str, confirmation: Confirmation) -> Answer:
    intent = existing(work, id_)
    with _state_errors(work, intent):
        intents.require_confirmable(intent)
    method = _method_for(work, confirmation.payment_method or intent.payment_method, intent.customer)
    if method is None:
        raise _no_method(work, intent)
    _require_return_url(intent, confirmation)
    return _attempt(work, intent, method, confirmation)


def cancel(work: Work, id_: str, reason: str | None) -> Answer:
    intent = existing(work, id_)
    with _state_errors(work, intent):
        canceled = intents.canceled(intent, reason, work.now)
    work.objects.update(canceled)
    work.emit("payment_intent.canceled", canceled)
    return Answer(work.render(canceled))


def finish_challenge(work: Work, challenge: str, approved: bool) -> PaymentIntent | None:
    """Apply the customer's answer on the challenge page. If the challenge is closed, nothing changes.

    Returns the intent afterwards; None if the challenge never existed.
    """
    id_ = work.objects.challenged_intent(challenge)
    if id_ is None:
        return None
    intent = work.objects.get(PaymentIntent, id_)
    if intent.challenge != challenge or intent.payment_method is None:
        return intent
    method = work.objects.get(PaymentMethod, intent.payment_method)
    if approved:
        _proceed(work, intent, method, authenticated=True)
    else:
        _fail(work, intent, None, _authentication_failure(work, method))
    return work.objects.get(PaymentIntent, id_)


def finish_charge(work: Work, id_: str) -> None:
    """Decide the outcome of an asynchronous charge."""
    charge = work.objects.get(Charge, id_)
    intent = work.objects.get(PaymentIntent, charge.payment_intent)
    decline = TOKENS[charge.token].decline
    if decline is None:
        _complete(work, intent, charge.model_copy(update={"status": ChargeStatus.SUCCEEDED}), new=False)
    else:
        method = work.objects.get(PaymentMethod, charge.payment_method)
        _decline(work, intent, method, _declined(charge, decline), decline, new=False)


def settle_charge(work: Work, id_: str) -> None:
    """Create the balance transaction of a captured charge, for intents that did not wait for it."""
    settled = _on_balance(work, work.objects.get(Charge, id_))
    work.objects.update(settled)
    work.emit("charge.updated", settled, {"balance_transaction": None})


def existing(work: Work, id_: str, param: str = "intent", status: int = 404) -> PaymentIntent:
    intent = work.objects.find(PaymentIntent, id_)
    if intent is None:
        raise no_such("payment_intent", id_, param, status=status)
    return intent


def _attempt(work: Work, intent: PaymentIntent, method: PaymentMethod, how: Confirmation) -> Answer:
    intent = intents.chosen(intent, method.id)
    if how.return_url is not None:
        intent = intent.model_copy(update={"return_url": how.return_url})
    step = intents.next_step(
        method.card,
        authenticated=False,
        off_session=how.off_session,
        may_challenge=not how.error_on_requires_action,
    )
    if step is Step.CHALLENGE:
        return _challenge(work, intent)
    if step is Step.REFUSE_UNAUTHENTICATED:
        charge = _declined(_new_charge(work, intent, method), AUTHENTICATION_REQUIRED)
        return _decline(work, intent, method, charge, AUTHENTICATION_REQUIRED, new=True)
    return _proceed(work, intent, method, authenticated=False)


def _proceed(work: Work, intent: PaymentIntent, method: PaymentMethod, *, authenticated: bool) -> Answer:
    """Continue an attempt after authentication, as the test card decides."""
    charge = _new_charge(work, intent, method, authenticated=authenticated)
    decline = method.card.decline
    if method.card.asynchronous:
        return _process(work, intent, charge)
    if decline is not None:
        return _decline(work, intent, method, _declined(charge, decline), decline, new=True)
    done = _complete(work, intent, charge.model_copy(update={"status": ChargeStatus.SUCCEEDED}), new=True)
    return Answer(work.render(done), drop=method.card.drops_connection)


def _challenge(work: Work, intent: PaymentIntent) -> Answer:
    challenge = random_token()
    waiting = intents.challenged(intent, challenge)
    work.objects.add_challenge(challenge, intent.id)
    work.objects.update(waiting)
    work.emit("payment_intent.requires_action", waiting)
    return Answer(work.render(waiting))


def _process(work: Work, intent: PaymentIntent, charge: Charge) -> Answer:
    waiting = intents.processing(intent, charge.id)
    work.objects.add(charge)
    work.objects.update(waiting)
    work.emit("charge.pending", charge)
    work.emit("payment_intent.processing", waiting)
    work.later(Task.FINISH_CHARGE, charge, work.controls.processing_seconds)
    return Answer(work.render(waiting))


def _complete(work: Work, intent: PaymentIntent, charge: Charge, *, new: bool) -> PaymentIntent:
    """With `capture_method=automatic` the balance transaction exists at once, by default later, as at Stripe."""
    if intent.capture_method == "automatic":
        charge = _on_balance(work, charge)
    else:
        work.later(Task.SETTLE_CHARGE, charge, work.controls.settlement_seconds)
    done = intents.succeeded(intent, charge.id)
    _put(work, charge, new=new)
    work.objects.update(done)
    work.emit("charge.succeeded", charge)
    work.emit("payment_intent.succeeded", done)
    if TOKENS[charge.token].disputing is not Disputing.NEVER:
        work.later(Task.DISPUTE, charge, work.controls.settlement_seconds)
    return done


def _decline(
    work: Work, intent: PaymentIntent, method: PaymentMethod, charge: Charge, decline: Decline, *, new: bool
) -> Answer:
    _put(work, charge, new=new)
    work.emit("charge.failed", charge)
    fields = _decline_fields(charge, decline)
    failed = _fail(work, intent, charge.id, {**fields, "type": CARD, "payment_method": work.render(method)})
    error = StripeError(
        decline.message,
        status=402,
        type_=CARD,
        code=decline.code,
        extras={**fields, "payment_intent": work.render(failed), "payment_method": work.render(method)},
    )
    return Answer(error.body(), status=error.status)


def _fail(work: Work, intent: PaymentIntent, charge: str | None, error: Json) -> PaymentIntent:
    failed = intents.failed(intent, charge, error)
    work.objects.update(failed)
    work.emit("payment_intent.payment_failed", failed)
    return failed


def _authentication_failure(work: Work, method: PaymentMethod) -> Json:
    error = StripeError(
        "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
        "PaymentMethod to attempt to fulfill this PaymentIntent again.",
        code="payment_intent_authentication_failure",
        extras={"payment_method": work.render(method)},
    )
    fields: Json = error.body()["error"]
    return fields


def _decline_fields(charge: Charge, decline: Decline) -> Json:
    fields: Json = {"charge": charge.id, "code": decline.code, "message": decline.message}
    return fields | ({"decline_code": decline.decline_code} if decline.decline_code else {})


def _new_charge(work: Work, intent: PaymentIntent, method: PaymentMethod, *, authenticated: bool = False) -> Charge:
    return Charge(
        id=new_id(Charge.prefix),
        created=work.now,
        status=ChargeStatus.PENDING,
        amount=intent.amount,
        currency=intent.currency,
        payment_intent=intent.id,
        payment_method=method.id,
        token=method.token,
        authenticated=authenticated,
        metadata=intent.metadata,
        customer=intent.customer,
        description=intent.description,
        receipt_email=intent.receipt_email,
    )


def _declined(charge: Charge, decline: Decline) -> Charge:
    return charge.model_copy(
        update={
            "status": ChargeStatus.FAILED,
            "failure_code": decline.code,
            "decline_code": decline.decline_code,
            "failure_message": decline.message,
        }
    )


def _on_balance(work: Work, charge: Charge) -> Charge:
    amount, currency, rate = work.controls.settling.on_balance(charge.amount, charge.currency)
    line = BalanceTransaction(
        id=new_id(BalanceTransaction.prefix),
        created=work.now,
        type="charge",
        source=charge.id,
        amount=amount,
        fee=fee_on(amount),
        currency=currency,
        exchange_rate=rate,
        description=charge.description,
    )
    work.objects.add(line)
    return charge.model_copy(update={"balance_transaction": line.id})


def _put(work: Work, charge: Charge, *, new: bool) -> None:
    if new:
        work.objects.add(charge)
    else:
        work.objects.update(charge)


def _method_for(work: Work, named: str | None, customer: str | None) -> PaymentMethod | None:
    """The payment method: a token creates a new one each time, an id names an existing one."""
    if named is None:
        return None
    if named in TOKENS:
        method = PaymentMethod(id=new_id(PaymentMethod.prefix), created=work.now, token=named, customer=customer)
        work.objects.add(method)
        return method
    found = work.objects.find(PaymentMethod, named)
    if found is None:
        raise no_such("PaymentMethod", named, "payment_method")
    return found


@contextmanager
def _state_errors(work: Work, intent: PaymentIntent) -> Iterator[None]:
    try:
        yield
    except UnexpectedState as error:
        raise unexpected_state(str(error), work.render(intent)) from error


def _no_method(work: Work, intent: PaymentIntent) -> StripeError:
    return unexpected_state(
        "You cannot confirm this PaymentIntent because it's missing a payment method. Provide payment_method.",
        work.render(intent),
    )


def _require_return_url(intent: PaymentIntent, how: Confirmation) -> None:
    """Require a return URL, as Stripe does for methods of the dashboard: they may redirect."""
    automatic = intent.automatic_payment_methods
    may_redirect = automatic is not None and automatic.enabled and automatic.allow_redirects == "always"
    if may_redirect and how.return_url is None and intent.return_url is None:
        raise invalid_parameter(
            "return_url",
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. If "
            "you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
            "`true` and `automatic_payment_methods[allow_redirects]` to `never`.",
        )
