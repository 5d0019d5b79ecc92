"""Stripe: what it is asked, and what its answers and failures mean. The one module that calls it.

Every answer is one of: a Charge, a ProviderRefund or a ProviderDispute (the fact), `Refused` (certainly nothing
happened), `NotAuthorized` (certainly nothing happened, and an operator is needed), `NotAsked` (certainly nothing
happened: the circuit breaker is open), `UnknownCharge`, `KeyUsedOtherwise`, or `OutcomeUnknown`.

An answer of any kind is a sign of life: the circuit breaker counts silence and failures of Stripe's servers alone.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Literal, cast
from urllib.parse import quote, urlsplit
from urllib.request import proxy_bypass
from uuid import UUID

import aiohttp
import stripe
import structlog
from aiohttp.helpers import proxies_from_env
from pydantic import SecretStr
from stripe import AIOHTTPClient, StripeClient

from services.chassis.plain.crash_points import reach
from services.chassis.rpc import circuit_breaker
from services.chassis.rpc.circuit_breaker import CircuitBreaker, CircuitOpen
from services.payment.adapters.stripe import mapping, words
from services.payment.adapters.stripe.units import to_stripe
from services.payment.domain.charges import Charge, CloseReason, ListedCharge, Refusal
from services.payment.domain.disputes import ProviderDispute
from services.payment.domain.payments import Payment
from services.payment.domain.refunds import ProviderRefund, Refund
from services.payment.ports import (
    KeyUsedOtherwise,
    NotAsked,
    NotAuthorized,
    OutcomeUnknown,
    ProviderAway,
    Refused,
    ServersFail,
    UnknownCharge,
)

_CONNECT_SECONDS = 2.0
_RETRIES = 2
_PAUSES_SECONDS = 10.0
"""More than the pauses between the tries of one request, and the time to write its outcome."""
_PAGE = 100
_SERVER_ERROR = 500
_SETTLED = ["latest_charge.balance_transaction"]

_log = structlog.get_logger()

stripe.enable_telemetry = False  # it would write a file into the home directory, and our calls are our own business


class Silent(OutcomeUnknown):
    """No sign of life: no connection, no answer in time."""


class StripeProvider:
    """Stripe's API (ports.PaymentProvider): a Resource, whose absence is no reason to stop serving.

    Args:
        api_url: `https://api.stripe.com`, or a sandbox's address.
        timeout: seconds that one request may take; it is tried three times at most, under the same key.
        leave_alone: seconds for which nothing is asked any more after five requests in a row without an answer, or with
            a 5xx.
    """

    name = words.NAME
    label = "Stripe"

    def __init__(
        self, api_key: SecretStr, api_url: str, timeout: float, leave_alone: float = circuit_breaker.OPEN_SECONDS
    ) -> None:
        self._breaker = CircuitBreaker("stripe", (Silent, ServersFail), open_seconds=leave_alone)
        self._api_key = api_key
        self._api_url = api_url.rstrip("/")
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None
        self._client: StripeClient | None = None

    @property
    def takes_at_most(self) -> timedelta:
        """How long one request may take, with all its tries. Whoever asks again before meets it still at work."""
        return timedelta(seconds=self._timeout * (1 + _RETRIES) + _PAUSES_SECONDS)

    async def start(self) -> None:
        """Make the client, inside the loop that uses it."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=stripe.ca_bundle_path)),
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=_CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            **_proxy_for(self._api_url),
        )
        self._client = StripeClient(
            self._api_key.get_secret_value(),
            base_addresses={"api": self._api_url},
            max_network_retries=_RETRIES,
            http_client=_Client(session=self._session),
        )

    async def stop(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()

    async def check(self) -> None:
        """Never fails: without Stripe, payments still can be read, and begun to be settled later."""

    async def ask(self, payment: Payment) -> Charge:
        """Ask for the payment, under its own key: asked again, the first answer comes again. A decline is an answer.

        Raises:
            OutcomeUnknown, NotAuthorized, NotAsked, KeyUsedOtherwise, Refused.
        """
        params: stripe.params.PaymentIntentCreateParams = {
            "amount": to_stripe(payment.amount.minor, payment.amount.currency),
            "currency": payment.amount.currency.lower(),
            "payment_method": payment.payment_method,
            "confirm": True,
            "return_url": payment.return_url,
            # The fee is known with the answer, rather than some seconds later.
            "capture_method": "automatic",
            "metadata": {"order_id": str(payment.order_id), "payment_id": str(payment.id)},
            "expand": _SETTLED,
        }
        if payment.customer_id is not None:
            params["customer"] = payment.customer_id
        try:
            with self._asking("charge"):
                intent = await self._intent("post", "", params, {"idempotency_key": payment.key})
        except stripe.CardError as error:
            return mapping.charge_in(error) or mapping.declined_without_intent(payment, error)
        except stripe.InvalidRequestError as error:
            attempted = mapping.charge_in(error)
            if attempted is not None:
                return attempted
            refusal = words.refusal_in(error)
            if refusal is Refusal.REQUEST:
                _log.error("stripe_refuses_our_request", payment_id=str(payment.id), code=error.code)
            raise Refused(refusal, error.code, error.user_message) from error
        return mapping.charge(intent)

    async def look_up(self, reference: str) -> Charge:
        """The intent as it is now. Raises UnknownCharge, OutcomeUnknown, NotAuthorized, NotAsked."""
        with _of_an_intent(), self._asking("look_up"):
            intent = await self._intent("get", f"/{quote(reference, safe='')}", {"expand": _SETTLED})
        return mapping.charge(intent)

    async def search(self, payment_id: UUID) -> Charge | None:
        """The payment's intent, by its metadata; None when Stripe's index has none.

        Raises:
            OutcomeUnknown, NotAuthorized, NotAsked.
        """
        with _of_an_intent(), self._asking("search"):
            found = await self._v1.payment_intents.search_async(
                params={"query": f"metadata['payment_id']:'{payment_id}'", "limit": 1}
            )
        return await self.look_up(found.data[0].id) if found.data else None

    async def cancel(self, reference: str, reason: CloseReason) -> Charge:
        """Cancel the intent if that is still possible; answers with what it is afterwards.

        Without a key: cancelling twice is harmless, and a refusal kept under a key would outlive its cause.

        Raises:
            UnknownCharge, OutcomeUnknown, NotAuthorized, NotAsked.
        """
        try:
            with self._asking("cancel"):
                intent = await self._v1.payment_intents.cancel_async(
                    reference, params={"cancellation_reason": words.CANCELLATION_REASONS[reason]}
                )
        except stripe.InvalidRequestError:  # it has succeeded, was cancelled before, or is being processed
            return await self.look_up(reference)
        return mapping.charge(intent.to_dict())

    async def refund(self, refund: Refund, reference: str) -> ProviderRefund:
        """Give money back, under the refund's own key.

        Raises:
            UnknownCharge, OutcomeUnknown, NotAuthorized, NotAsked, KeyUsedOtherwise, Refused.
        """
        assert refund.asked_with is not None  # noqa: S101 - only our own refunds are asked for
        try:
            with self._asking("refund"):
                made = await self._v1.refunds.create_async(
                    params={
                        "payment_intent": reference,
                        "amount": to_stripe(refund.amount.minor, refund.amount.currency),
                        "reason": words.refund_reason(refund.reason),
                        "metadata": {"payment_id": str(refund.payment_id), "refund_id": str(refund.id)},
                    },
                    options={"idempotency_key": refund.asked_with},
                )
        except (stripe.InvalidRequestError, stripe.CardError) as error:
            if _is_unknown(error):
                raise UnknownCharge from error
            raise Refused(Refusal.REQUEST, error.code, error.user_message) from error
        return mapping.refund(made.to_dict())

    async def refunds_of(self, reference: str) -> list[ProviderRefund]:
        """All refunds of an intent, as they are now. Raises UnknownCharge, OutcomeUnknown, NotAuthorized, NotAsked."""
        with _of_an_intent(), self._asking("refunds_of"):
            page = await self._v1.refunds.list_async(params={"payment_intent": reference, "limit": _PAGE})
            return [mapping.refund(refund.to_dict()) async for refund in page.auto_paging_iter()]

    async def disputes_of(self, reference: str) -> list[ProviderDispute]:
        """All disputes of an intent, as they are now. Raises UnknownCharge, OutcomeUnknown, NotAuthorized, NotAsked."""
        with _of_an_intent(), self._asking("disputes_of"):
            page = await self._v1.disputes.list_async(params={"payment_intent": reference, "limit": _PAGE})
            return [mapping.dispute(dispute.to_dict()) async for dispute in page.auto_paging_iter()]

    async def page_of_charges(self, after: str | None, limit: int) -> list[ListedCharge]:
        """Up to `limit` intents of the account that are older than the intent `after`, newest first.

        Raises:
            OutcomeUnknown, NotAuthorized, NotAsked; UnknownCharge: there is no intent `after`.
        """
        params: stripe.params.PaymentIntentListParams = {"limit": limit, "expand": ["data.latest_charge"]}
        if after is not None:
            params["starting_after"] = after
        with _of_an_intent(), self._asking("page_of_charges"):
            page = await self._v1.payment_intents.list_async(params=params)
        return [mapping.listed_charge(intent.to_dict()) for intent in page.data]

    async def see_charge(self, reference: str) -> ListedCharge:
        """The intent as the list has it. Raises as `look_up`."""
        with _of_an_intent(), self._asking("see_charge"):
            intent = await self._v1.payment_intents.retrieve_async(reference, params={"expand": ["latest_charge"]})
        return mapping.listed_charge(intent.to_dict())

    async def user_of_customer(self, customer_id: str) -> str | None:
        """Whom a customer at Stripe belongs to: the `user_id` in its metadata; None when nobody, or no such customer.

        Raises:
            OutcomeUnknown, NotAuthorized, NotAsked.
        """
        try:
            with self._asking("user_of_customer"):
                customer = await self._v1.customers.retrieve_async(customer_id)
        except stripe.InvalidRequestError:
            return None
        return mapping.user_of(customer.to_dict())

    @contextlib.contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Around a request; the crash points `stripe.<what>.before` and `.answered` stand on both sides of it."""
        try:
            with self._breaker.passing(), _told():
                _silent_tries.set([])
                reach("stripe", what, "before")
                yield
                reach("stripe", what, "answered")
        except CircuitOpen as error:
            raise NotAsked(error.retry_after or ProviderAway.retry_after) from error

    async def _intent(
        self,
        method: Literal["get", "post"],
        path: str,
        params: stripe.params.PaymentIntentCreateParams | stripe.params.PaymentIntentRetrieveParams,
        options: stripe.RequestOptions | None = None,
    ) -> mapping.Json:
        """A PaymentIntent as JSON: each payment asks for one, and the library's objects of it cost much CPU."""
        if self._client is None:
            raise Silent
        answer = await self._client.raw_request_async(
            method, f"/v1/payment_intents{path}", **cast(dict[str, Any], params), **(options or {})
        )
        found: mapping.Json = answer.data
        return found

    @property
    def _v1(self) -> stripe.V1Services:
        if self._client is None:
            raise Silent
        return self._client.v1


_silent_tries: ContextVar[list[None]] = ContextVar("silent_tries")
"""One for each try of the request under way that Stripe did not answer."""


class _Client(AIOHTTPClient):
    """Notes which tries of a request were not answered: what the last one says need not be true of those.

    Its own request, because Stripe's library reports a connection that is lost within an answer as no error of its own.
    """

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            async with self._session.request(
                method, url, headers=headers, data=post_data, allow_redirects=False
            ) as response:
                answer = await response.read(), response.status, response.headers
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            _silent_tries.get().append(None)
            self._handle_request_error(error)
        if response.status >= _SERVER_ERROR:
            _silent_tries.get().append(None)
        return answer


def _proxy_for(url: str) -> dict[str, Any]:
    """The proxy that the environment names for a URL, as arguments of a session.

    A session with `trust_env` looks for the proxy, and for a .netrc, at each request, each in a thread.
    """
    parts = urlsplit(url)
    found = proxies_from_env().get(parts.scheme)
    if found is None or proxy_bypass(parts.hostname or ""):
        return {}
    return {"proxy": found.proxy, "proxy_auth": found.proxy_auth}


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What Stripe's library raises, in our words, as far as it means the same for every request."""
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        _log.error("stripe_refuses_our_key", http_status=error.http_status, stripe_request=error.request_id)
        if _silent_tries.get():
            raise OutcomeUnknown from error  # of the tries before this one nobody knows
        raise NotAuthorized from error
    except stripe.IdempotencyError as error:
        _log.error("stripe_key_used_otherwise", stripe_request=error.request_id)
        raise KeyUsedOtherwise from error
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
        _log.warning("stripe_outcome_unknown", error=_words(error), stripe_request=error.request_id)
        raise _unknown(error) from error


def _unknown(error: stripe.StripeError) -> OutcomeUnknown:
    if error.http_status is None:
        return Silent()
    return ServersFail() if error.http_status >= _SERVER_ERROR else OutcomeUnknown()


@contextlib.contextmanager
def _of_an_intent() -> Iterator[None]:
    """A read that Stripe refuses: it has answered, and does not know the intent, or finds fault with our request."""
    try:
        yield
    except stripe.InvalidRequestError as error:
        _log.error("stripe_refuses_a_read", error=_words(error), stripe_request=error.request_id)
        raise (UnknownCharge if _is_unknown(error) else OutcomeUnknown) from error


def _is_unknown(error: stripe.StripeError) -> bool:
    return error.code == "resource_missing"


def _words(error: stripe.StripeError) -> str:
    """What may be logged of an error: never its body."""
    return f"{type(error).__name__} {error.http_status or ''} {error.code or ''}".strip()
