"""The HTTP side: GET /messages?to=ADDRESS&limit=N&after=ID answers `{"messages": [...]}`, oldest first; GET /health."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiohttp import web

from local.mail.store import MailStore, StoredMail

_DEFAULT_LIMIT = 100
_MOST = 1000
_STORE = web.AppKey("store", MailStore)


def application(store: MailStore) -> web.Application:
    """The HTTP application over a store."""
    app = web.Application()
    app[_STORE] = store
    app.add_routes([web.get("/messages", _list), web.get("/health", _health)])
    return app


async def _list(request: web.Request) -> web.Response:
    limit = request.query.get("limit", str(_DEFAULT_LIMIT))
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST:
        return web.json_response({"error": f"limit must be a whole number from 1 to {_MOST}"}, status=400)
    after = request.query.get("after")
    if after is not None and not after.isdecimal():
        return web.json_response({"error": "after must be the id of a message, or 0"}, status=400)
    found = request.app[_STORE].find(request.query.get("to"), int(limit), None if after is None else int(after))
    return web.json_response({"messages": [_render(mail) for mail in found]})


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "SERVING"})


def _render(mail: StoredMail) -> dict[str, Any]:
    message = message_from_bytes(mail.raw, policy=default)
    return {
        "id": str(mail.id),
        "receivedAt": mail.received_at,
        "to": list(mail.recipients),
        "from": str(message["from"] or ""),
        "subject": str(message["subject"] or ""),
        "messageId": str(message["message-id"] or ""),
        "text": _body(message, "plain"),
        "html": _body(message, "html"),
    }


def _body(message: EmailMessage, kind: str) -> str:
    """The body of that content type; "" if the mail has none."""
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
