"""The bank's page of a 3-D Secure challenge: two buttons, then a redirect back to the shop."""

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from stripe_sandbox import payments
from stripe_sandbox.charges import written
from stripe_sandbox.engine import Engine
from stripe_sandbox.intents import PaymentIntent, Status
from stripe_sandbox.render import CHALLENGE_PATH

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
  body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 4rem auto; padding: 0 1rem }}
  button {{ font: inherit; padding: .5rem 1.2rem; margin-right: .5rem }}
</style>
<h1>{title}</h1>
{content}
</html>
"""

_FORM = """<p>The shop asks for <strong>{amount}</strong>. This is a sandbox: no money moves.</p>
<form method="post">
  <button name="outcome" value="approve">Approve</button>
  <button name="outcome" value="fail">Fail</button>
</form>"""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
}


def routes(engine: Engine) -> list[web.RouteDef]:
    """GET shows the page; POST takes `outcome=approve` or `outcome=fail` and redirects to the shop."""

    async def show(request: web.Request) -> web.Response:
        intent = _intent_of(engine, request.match_info["challenge"])
        if intent.challenge != request.match_info["challenge"]:
            return _page("Already answered", f"<p>The payment is <strong>{intent.status}</strong>.</p>")
        return _page("Confirm your payment", _FORM.format(amount=escape(written(intent.amount, intent.currency))))

    async def answer(request: web.Request) -> web.Response:
        outcome = (await request.post()).get("outcome")
        if outcome not in ("approve", "fail"):
            raise web.HTTPBadRequest(text="outcome must be approve or fail")
        challenge = request.match_info["challenge"]
        intent = engine.run(lambda work: payments.finish_challenge(work, challenge, outcome == "approve"))
        if intent is None:
            raise _unknown()
        if intent.return_url is None:
            return _page("Thank you", f"<p>The payment is <strong>{intent.status}</strong>. You may go back.</p>")
        raise web.HTTPSeeOther(return_address(intent), headers=_HEADERS)

    path = CHALLENGE_PATH + "{challenge}"
    return [web.get(path, show), web.post(path, answer)]


def return_address(intent: PaymentIntent) -> str:
    """The shop's `return_url` with the parameters that Stripe adds (https://docs.stripe.com/payments/3d-secure)."""
    parts = urlsplit(intent.return_url or "")
    passed = intent.status in (Status.SUCCEEDED, Status.PROCESSING)
    query = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("payment_intent", intent.id),
        ("payment_intent_client_secret", intent.client_secret),
        ("redirect_status", "succeeded" if passed else "failed"),
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _intent_of(engine: Engine, challenge: str) -> PaymentIntent:
    id_ = engine.store.objects.challenged_intent(challenge)
    if id_ is None:
        raise _unknown()
    return engine.store.objects.get(PaymentIntent, id_)


def _unknown() -> web.HTTPNotFound:
    return web.HTTPNotFound(text="There is no such challenge.")


def _page(title: str, content: str) -> web.Response:
    return web.Response(text=_PAGE.format(title=title, content=content), content_type="text/html", headers=_HEADERS)
