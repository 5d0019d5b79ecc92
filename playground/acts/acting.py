"""What an act is, and how one runs: each by name, once at a time, with notes to the open pages."""

from __future__ import annotations

import http.client
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog

from cli.environment import NoSystem
from local.demo.shop import ShopError
from playground.stream import Stream

log = structlog.get_logger()


class ActFailed(Exception):
    """An act had another outcome than expected; the text is for the page."""


class BadRequest(ActFailed):
    """The request named something that there is not; the text names the field."""


@dataclass(frozen=True)
class Outcome:
    """What came of an act, in a sentence or two."""

    text: str
    ok: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)


Note = Callable[[str], None]
"""Shows a line about an act that is under way."""
Act = Callable[[Mapping[str, Any], Note], Awaitable[Outcome]]
"""Takes the request's JSON. Raises ActFailed."""


class AlreadyRunning(Exception):
    """The same act is under way."""


class Acts:
    """All acts by name."""

    def __init__(self, stream: Stream, acts: Mapping[str, Act]) -> None:
        self._stream = stream
        self._acts = acts
        self._running: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return name in self._acts

    async def run(self, name: str, asked: Mapping[str, Any]) -> Outcome:
        """Run an act to its end. A failure is an outcome, too. Raises AlreadyRunning and BadRequest."""
        if name in self._running:
            raise AlreadyRunning(name)
        self._running.add(name)

        def note(text: str) -> None:
            self._stream.publish("note", {"act": name, "text": text})

        try:
            outcome = await self._acts[name](asked, note)
        except BadRequest:
            raise
        except (ActFailed, ShopError, NoSystem) as error:
            outcome = Outcome(str(error), ok=False)
        except (httpx.HTTPError, OSError, http.client.HTTPException) as error:
            outcome = Outcome(f"a part that this needs does not answer ({type(error).__name__})", ok=False)
        except Exception:
            log.exception("act_failed", act=name)
            outcome = Outcome("this page made a mistake: make logs PART=playground shows it", ok=False)
        finally:
            self._running.discard(name)
        log.info("act", act=name, ok=outcome.ok)
        self._stream.publish("outcome", {"act": name, "ok": outcome.ok, "text": outcome.text})
        return outcome


def word(asked: Mapping[str, Any], field_name: str, allowed: Mapping[str, Any] | frozenset[str]) -> str:
    """A field of the request that must be one of these. Raises BadRequest."""
    value = asked.get(field_name)
    if not isinstance(value, str) or value not in allowed:
        raise BadRequest(f"{field_name} must be one of {', '.join(sorted(allowed))}")
    return value
