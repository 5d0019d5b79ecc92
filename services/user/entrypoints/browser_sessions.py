"""Sessions of browsers: the edge keeps the token in a cookie that no script can read (envoy/session.lua).

A request asks for that with the metadata `x-session: cookie`. The response then has the token in its metadata, and not
in its message.
"""

from __future__ import annotations

from typing import TypeVar

from argosy.user.v1 import user_pb2
from services.chassis.rpc.call import Call
from services.user.domain.sessions import TOKEN_LIFE

_TOKEN = "x-session-token"  # noqa: S105 (the name)
_SECONDS = "x-session-seconds"

SignedIn = TypeVar("SignedIn", user_pb2.RegisterResponse, user_pb2.LoginResponse)


def begin(response: SignedIn, call: Call) -> SignedIn:
    """Move the token of a new session to the response's metadata, if the request asked for a cookie."""
    if _asks_for_cookie(call):
        seconds = str(int(TOKEN_LIFE.total_seconds()))
        call.response_metadata.extend([(_TOKEN, response.token), (_SECONDS, seconds)])
        response.ClearField("token")
    return response


def end(call: Call) -> None:
    """Make the browser forget the session's cookie, if the request asked for a cookie."""
    if _asks_for_cookie(call):
        call.response_metadata.extend([(_TOKEN, "ended"), (_SECONDS, "0")])


def _asks_for_cookie(call: Call) -> bool:
    return call.metadata.get("x-session") == "cookie"
