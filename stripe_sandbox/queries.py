"""Read operations: single objects, lists, search, events."""

import json

from stripe_sandbox import search_query
from stripe_sandbox.charges import Charge
from stripe_sandbox.errors import StripeError, no_such
from stripe_sandbox.intents import PaymentIntent
from stripe_sandbox.methods import TOKENS, PaymentMethod
from stripe_sandbox.paging import Page, UnknownCursor
from stripe_sandbox.resources import Json, Resource
from stripe_sandbox.work import Answer, Work

Where = dict[str, str | None]


def retrieve(work: Work, type_: type[Resource], id_: str, param: str) -> Answer:
    found = work.objects.find(type_, id_)
    if found is None:
        raise no_such(type_.kind, id_, param, status=404)
    return Answer(work.render(found))


def list_of(work: Work, type_: type[Resource], url: str, page: Page, where: Where) -> Answer:
    try:
        found, more = work.objects.page_of(type_, page, where)
    except UnknownCursor as error:
        raise _unknown_cursor(type_.kind, page, str(error)) from error
    return Answer(_list(url, [work.render(resource) for resource in found], more))


def search_intents(work: Work, url: str, query: str, limit: int, cursor: str | None) -> Answer:
    """Search intents that are older than `search_lag_seconds` (0 by default)."""
    wanted = search_query.parse(query)
    indexed = work.time - work.controls.search_lag_seconds
    found = [intent for intent in _candidates(work, wanted) if intent.created <= indexed and _matches(intent, wanted)]
    start = next((index + 1 for index, intent in enumerate(found) if intent.id == cursor), 0)
    page = found[start : start + limit]
    more = start + limit < len(found)
    return Answer(
        {
            "object": "search_result",
            "url": url,
            "has_more": more,
            "next_page": page[-1].id if more else None,
            "data": [work.render(intent) for intent in page],
        }
    )


def retrieve_event(work: Work, id_: str) -> Answer:
    body = work.outbox.event(id_)
    if body is None:
        raise no_such("event", id_, "id", status=404)
    return Answer(_event(work, body))


def list_events(work: Work, url: str, page: Page, type_: str | None) -> Answer:
    try:
        bodies, more = work.outbox.events(page, type_)
    except UnknownCursor as error:
        raise _unknown_cursor("event", page, str(error)) from error
    return Answer(_list(url, [_event(work, body) for body in bodies], more))


def _candidates(work: Work, wanted: search_query.Query) -> list[PaymentIntent]:
    if not wanted.metadata:
        raise StripeError("This sandbox searches by metadata; add metadata['key']:'value'.", param="query")
    return [work.objects.get(PaymentIntent, id_) for id_ in work.objects.intents_with(*wanted.metadata[0])]


def _matches(intent: PaymentIntent, wanted: search_query.Query) -> bool:
    own = {"status": intent.status.value, "currency": intent.currency}
    return all(intent.metadata.get(key) == value for key, value in wanted.metadata) and all(
        own[field] == value for field, value in wanted.fields
    )


def _event(work: Work, body: str) -> Json:
    event: Json = json.loads(body)
    return event | {"pending_webhooks": work.outbox.pending_of(event["id"])}


def _list(url: str, data: list[Json], more: bool) -> Json:
    return {"object": "list", "url": url, "has_more": more, "data": data}


def _unknown_cursor(kind: str, page: Page, id_: str) -> StripeError:
    return no_such(kind, id_, "ending_before" if page.ending_before else "starting_after")


def count(work: Work, key: str, value: str) -> Json:
    """Count intents and charges of an order or payment by status, and sum the amounts. Tests use it to check "exactly
    once"."""
    ids = work.objects.intents_with(key, value)
    intents = [work.objects.get(PaymentIntent, id_) for id_ in ids]
    charges = [charge for id_ in ids for charge in _charges_of(work, id_)]
    return {
        "payment_intents": _by_status([intent.status.value for intent in intents]),
        "charges": _by_status([charge.status.value for charge in charges]),
        "amount_captured": sum(charge.amount_captured for charge in charges),
        "amount_refunded": sum(charge.amount_refunded for charge in charges),
    }


def _charges_of(work: Work, intent: str) -> list[Charge]:
    return work.objects.page_of(Charge, Page(limit=1_000), {"payment_intent": intent})[0]


def _by_status(statuses: list[str]) -> dict[str, int]:
    return {"total": len(statuses)} | {status: statuses.count(status) for status in sorted(set(statuses))}


def retrieve_payment_method(work: Work, id_: str) -> Answer:
    """By id, or by a test token, which Stripe also accepts as an id."""
    if id_ in TOKENS:
        return Answer(work.render(PaymentMethod(id=id_, created=work.now, token=id_)))
    return retrieve(work, PaymentMethod, id_, "payment_method")
