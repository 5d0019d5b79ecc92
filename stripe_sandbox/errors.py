"""Stripe's error objects: the HTTP status, and `{"error": {type, code, message, param, …}}`.

Types, codes and messages follow Stripe's API reference ("Errors", "Error codes") and "Advanced error handling".
"""

from collections.abc import Mapping
from typing import Any

INVALID_REQUEST = "invalid_request_error"
IDEMPOTENCY = "idempotency_error"
CARD = "card_error"
API = "api_error"


class StripeError(Exception):
    """An error answer, ready to be sent."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type_: str = INVALID_REQUEST,
        code: str | None = None,
        param: str | None = None,
        extras: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self._fields: dict[str, Any] = {"message": message, "type": type_}
        if code is not None:
            self._fields |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"}
        if param is not None:
            self._fields["param"] = param
        self._fields |= extras or {}

    def body(self) -> dict[str, Any]:
        """The JSON body that Stripe would send."""
        return {"error": dict(self._fields)}


def missing_parameter(name: str) -> StripeError:
    return StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def unknown_parameter(name: str) -> StripeError:
    """A parameter that Stripe does not know, or that the sandbox does not support: never ignored silently."""
    return StripeError(
        f"Received unknown parameter: {name} (unknown to Stripe, or not offered by this sandbox).",
        code="parameter_unknown",
        param=name,
    )


def invalid_parameter(name: str, message: str, code: str | None = None) -> StripeError:
    return StripeError(message, code=code, param=name)


def no_such(kind: str, id_: str, param: str, *, status: int = 400) -> StripeError:
    """400 for an id in the parameters, 404 for one in the path."""
    return StripeError(f"No such {kind}: '{id_}'", status=status, code="resource_missing", param=param)


def not_a_multiple(of: int, currency: str) -> StripeError:
    return invalid_parameter("amount", f"Invalid amount: in {currency} it must be evenly divisible by {of}.")


def unexpected_state(message: str, intent: Mapping[str, Any]) -> StripeError:
    return StripeError(message, code="payment_intent_unexpected_state", extras={"payment_intent": dict(intent)})


def unrecognised_url(method: str, path: str) -> StripeError:
    return StripeError(f"Unrecognized request URL ({method}: {path}). This sandbox may not offer it.", status=404)


def unauthenticated() -> StripeError:
    return StripeError(
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer "
        "auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        status=401,
    )


def wrong_api_key(key: str) -> StripeError:
    """Shows no more than the last four characters, as Stripe does."""
    return StripeError(f"Invalid API Key provided: {'*' * 8}{key[-4:] if len(key) >= 12 else ''}", status=401)


def key_used_otherwise(key: str) -> StripeError:
    return StripeError(
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request.",
        type_=IDEMPOTENCY,
    )


def key_used_elsewhere(key: str, path: str, first_path: str) -> StripeError:
    return StripeError(
        "Keys for idempotent requests can only be used for the same endpoint they were first used for "
        f"('{path}' vs '{first_path}'). "
        f"Try using a key other than '{key}' if you meant to execute a different request.",
        type_=IDEMPOTENCY,
    )


def key_in_use(key: str) -> StripeError:
    return StripeError(
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
        f"twice, and the other request is still going through): {key}. Please try again later.",
        status=409,
        type_=IDEMPOTENCY,
        code="idempotency_key_in_use",
    )


def busy() -> StripeError:
    return StripeError(
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing "
        "it. If you see this error intermittently, retry the request.",
        status=429,
        code="lock_timeout",
    )


def internal() -> StripeError:
    return StripeError("An unknown error occurred in the sandbox.", status=500, type_=API)
