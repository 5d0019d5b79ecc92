"""`expand[]`: replaces ids within an answer by the objects that they identify.

Source: https://docs.stripe.com/expand
"""

from collections.abc import Mapping, Sequence

from stripe_sandbox.charges import BalanceTransaction, Charge, Dispute, Refund
from stripe_sandbox.customers import Customer
from stripe_sandbox.errors import StripeError
from stripe_sandbox.intents import PaymentIntent
from stripe_sandbox.methods import PaymentMethod
from stripe_sandbox.objects import Objects
from stripe_sandbox.render import Renderer
from stripe_sandbox.resources import Json, Resource

_DEEPEST = 4

_EXPANDABLE: Mapping[str, Mapping[str, type[Resource]]] = {
    PaymentIntent.kind: {"latest_charge": Charge, "payment_method": PaymentMethod, "customer": Customer},
    Charge.kind: {"balance_transaction": BalanceTransaction, "payment_intent": PaymentIntent, "customer": Customer},
    Refund.kind: {
        "balance_transaction": BalanceTransaction,
        "failure_balance_transaction": BalanceTransaction,
        "charge": Charge,
        "payment_intent": PaymentIntent,
    },
    Dispute.kind: {"charge": Charge, "payment_intent": PaymentIntent},
    PaymentMethod.kind: {"customer": Customer},
    Customer.kind: {},
    BalanceTransaction.kind: {},
}


def expand(answer: Json, paths: Sequence[str], objects: Objects, render: Renderer) -> None:
    """Expand the answer in place. Raises StripeError (400) for a path that cannot be expanded."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST:
            raise StripeError(f"You cannot expand more than {_DEEPEST} levels of a property. Property: {path}")
        _expand(answer, steps, path, objects, render)


def _expand(value: Json, steps: list[str], path: str, objects: Objects, render: Renderer) -> None:
    if not steps:
        return
    name, rest = steps[0], steps[1:]
    if value["object"] in ("list", "search_result"):
        if name != "data":
            raise _cannot(path)
        for element in value["data"]:
            _expand(element, rest, path, objects, render)
        return
    type_ = _EXPANDABLE.get(value["object"], {}).get(name)
    if type_ is None:
        raise _cannot(path)
    if isinstance(value.get(name), str):
        value[name] = render(objects.get(type_, value[name]))
    if isinstance(value.get(name), dict):
        _expand(value[name], rest, path, objects, render)


def _cannot(path: str) -> StripeError:
    return StripeError(
        f"This property cannot be expanded ({path}). You may want to try expanding something else.", param="expand"
    )
