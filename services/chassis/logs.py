"""Logging: one JSON object a line on stdout, from structlog and from the libraries' own `logging` alike.

Every line has time, level, event and service, and trace_id inside a call or a consumer. An error is told as
`error` (class and first line of its text) and `stack`: what libraries put on further lines repeats stored values
(PostgreSQL's DETAIL shows the row), which have no place in a log.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from services.chassis import trace_context

EventDict = MutableMapping[str, Any]

_LONGEST_ERROR = 300
_AROUND_EVERY_CALL = "/services/chassis/pipeline/"
_encode = json.JSONEncoder(default=repr, separators=(",", ":")).encode


def configure(service: str, level: str, out: TextIO = sys.stdout) -> None:
    """Set up both structlog and `logging` for this process. Call once, before anything logs."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[_line_for(service)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(_LibraryFormatter(service))
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)


def error_text(error: BaseException) -> str:
    """The error's class and the first line of what it says."""
    said = first_line(str(error))
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def first_line(text: str) -> str:
    """The first line of a text, cut to a length that a log bears."""
    return text.partition("\n")[0][:_LONGEST_ERROR]


def stack_of(error: BaseException) -> str:
    """Where the error came from and through: the frames, without any values and without those around every call."""
    frames = traceback.format_list(
        frame for frame in traceback.extract_tb(error.__traceback__) if _AROUND_EVERY_CALL not in frame.filename
    )
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is None:
        return "".join(frames)
    return f"{stack_of(cause)}{error_text(cause)}, then:\n{''.join(frames)}"


def _line_for(service: str) -> Callable[[Any, str, EventDict], str]:
    """The last (and only) structlog processor: one function, since it runs on every call."""

    def line(_logger: Any, method: str, event: EventDict) -> str:
        error = event.pop("exc_info", None)
        return _render(service, method, event, sys.exc_info()[1] if error is True else error)

    return line


class _LibraryFormatter(logging.Formatter):
    """Gives a line of `logging` the same form; its event is the message, `logger` says whose it is."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        event: EventDict = {"event": record.getMessage(), "logger": record.name}
        return _render(self._service, record.levelname.lower(), event, error)


def _render(service: str, level: str, event: EventDict, error: BaseException | None) -> str:
    line: EventDict = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "event": event.pop("event"),
        "service": service,
        **event,
    }
    traceparent = trace_context.current()
    if traceparent is not None:
        line["trace_id"] = trace_context.trace_id(traceparent)
    if error is not None:
        line["error"] = error_text(error)
        line["stack"] = stack_of(error)
    return _encode(line)
