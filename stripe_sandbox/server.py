"""The HTTP side: authentication, routing, and Stripe's response headers."""

import base64
import binascii
import hmac
import json
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from stripe_sandbox import challenge, errors, form, idempotency, sandbox_api
from stripe_sandbox.endpoints import ENDPOINTS, Endpoint, Operation
from stripe_sandbox.engine import Engine, Post, Reply
from stripe_sandbox.errors import StripeError
from stripe_sandbox.expand import expand
from stripe_sandbox.form import Tree
from stripe_sandbox.ids import new_id
from stripe_sandbox.params import Params
from stripe_sandbox.render import API_VERSION, CHALLENGE_PATH
from stripe_sandbox.sandbox_api import SandboxApi

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_REQUEST_ID = web.RequestKey("request_id", str)
_OPEN_PATHS = (CHALLENGE_PATH, sandbox_api.HEALTH)
_LARGEST_BODY = 1024 * 1024


def application(engine: Engine, api_key: str, wake: Callable[[], None]) -> web.Application:
    app = web.Application(middlewares=[_answering, _authenticating(api_key)], client_max_size=_LARGEST_BODY)
    handlers = {hdrs.METH_GET: _get_handler, hdrs.METH_POST: _post_handler}
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.method, endpoint.path, handlers[endpoint.method](engine, endpoint))
    app.add_routes(SandboxApi(engine, wake).routes())
    app.add_routes(challenge.routes(engine))
    return app


@web.middleware
async def _answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, convert errors to Stripe's JSON, and log one line."""
    request[_REQUEST_ID] = new_id("req")
    started = time.perf_counter()
    try:
        response = await handler(request)
    except StripeError as error:
        response = _error(error)
    except web.HTTPException as error:
        response = _as_answer(request, error)
    except Exception:
        log.exception("failed", method=request.method, path=request.path, request_id=request[_REQUEST_ID])
        response = _error(errors.internal())
    if not response.prepared:
        response.headers["Request-Id"] = request[_REQUEST_ID]
        response.headers["Stripe-Version"] = API_VERSION
    log.info(
        "request",
        method=request.method,
        path=_shown_path(request),
        status=response.status,
        duration_ms=round((time.perf_counter() - started) * 1_000, 1),
        request_id=request[_REQUEST_ID],
    )
    return response


def _authenticating(api_key: str) -> Middleware:
    @web.middleware
    async def authenticating(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _is_open(request):
            _check_key(request, api_key)
        return await handler(request)

    return authenticating


def _is_open(request: web.Request) -> bool:
    return request.path.startswith(_OPEN_PATHS)


def _check_key(request: web.Request, api_key: str) -> None:
    """Check the API key: a bearer token, or the user name of basic authentication. Raises StripeError (401)."""
    scheme, _, value = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    given = value.strip() if scheme.lower() == "bearer" else _basic_user(value) if scheme.lower() == "basic" else ""
    if not given:
        raise errors.unauthenticated()
    if not hmac.compare_digest(given.encode(), api_key.encode()):
        raise errors.wrong_api_key(given)


def _basic_user(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _get_handler(engine: Engine, endpoint: Endpoint) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        operation, expansions = _read(endpoint, request, _decoded(request.rel_url.raw_query_string))
        answer = engine.read(operation)
        expand(answer.body, expansions, engine.store.objects, engine.render)
        return _json(json.dumps(answer.body, indent=2), answer.status)

    return handle


def _post_handler(engine: Engine, endpoint: Endpoint) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        parameters = _decoded(await _body(request))
        key = request.headers.get("Idempotency-Key")
        if key is not None:
            idempotency.check_key(key)
        post = Post(request.path, parameters, key, request[_REQUEST_ID])
        reply = await engine.post(post, lambda: _read(endpoint, request, parameters))
        return _sent(request, reply, key)

    return handle


async def _body(request: web.Request) -> str:
    body = await request.read()
    if body and request.content_type != "application/x-www-form-urlencoded":
        raise StripeError(f"Invalid content type: {request.content_type}. Use application/x-www-form-urlencoded.")
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise StripeError("The request's body is not URL-encoded.") from error


def _decoded(encoded: str) -> dict[str, Tree]:
    try:
        return form.decode(encoded)
    except form.MalformedForm as error:
        raise StripeError(str(error)) from error


def _read(endpoint: Endpoint, request: web.Request, parameters: dict[str, Tree]) -> tuple[Operation, tuple[str, ...]]:
    params = Params(parameters)
    expansions = params.texts("expand")
    operation = endpoint.read(params, request.match_info)
    params.done()
    return operation, expansions


def _sent(request: web.Request, reply: Reply, key: str | None) -> web.StreamResponse:
    response = _json(reply.body, reply.status)
    if key is not None:
        response.headers["Idempotency-Key"] = key
    if reply.original_request is not None:
        response.headers["Idempotent-Replayed"] = "true"
        response.headers["Original-Request"] = reply.original_request
    if reply.drop and request.transport is not None:
        request.transport.abort()
    return response


def _as_answer(request: web.Request, error: web.HTTPException) -> web.Response:
    """Plain text for a browser, Stripe's JSON for a program."""
    if _is_open(request):
        return web.Response(status=error.status, body=error.body, headers=error.headers)
    if error.status in (404, 405):
        return _error(errors.unrecognised_url(request.method, request.path))
    return _error(StripeError(error.reason, status=error.status))


def _error(error: StripeError) -> web.Response:
    return _json(json.dumps(error.body(), indent=2), error.status)


def _json(body: str, status: int) -> web.Response:
    return web.Response(text=body, status=status, content_type="application/json")


def _shown_path(request: web.Request) -> str:
    """The path without a challenge's id, which is a secret and stays out of the log."""
    return CHALLENGE_PATH + "…" if request.path.startswith(CHALLENGE_PATH) else request.path
