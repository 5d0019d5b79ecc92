"""Logging: one JSON object a line on stdout, from structlog and from the libraries' own `logging` alike.

Every line has time, level, event and service, and trace_id inside a call or a consumer. An error is told as
`error` (class and first line of its text) and `stack`: what libraries put on further lines repeats stored values
(PostgreSQL's DETAIL shows the row), which have no place in a log. What a library says over and over is said twice a
minute, with how often it was `left_out`. Credentials in a URL, whoever wrote them into which field, are masked.

That others are not there yet is expected of a process that has just begun: `absence`, and what Kafka's client says of
it, is info for two minutes and graver afterwards.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import structlog
from structlog import BoundLoggerBase

from services.chassis import trace_context
from services.chassis.repeats import Repeats

_STDOUT = 1
_LONGEST_ERROR = 300
_VALUE = re.compile(r"""["']|: """)
_SAID_AGAIN_AFTER_SECONDS = 30.0
_CREDENTIALS = re.compile(r"(?<=://)(?:[^\s\"\\]|\\.)+(?=@)|(?<=password=)(?:[^\s\"\\&]|\\[^n])+", re.IGNORECASE)
"""In a line of JSON: all between a URL's scheme and its last @, and the password of a connection string."""
_BEGINNING_SECONDS = 120.0
_FULL_OF_ABSENCE = "aiokafka"
_AROUND_EVERY_CALL = "/services/chassis/pipeline/"
_encode = json.JSONEncoder(default=repr, separators=(",", ":")).encode
_quote = json.encoder.encode_basestring_ascii


Write = Callable[[str], None]
"""Takes one line, without its end."""


def to_stdout(line: str) -> None:
    """Write a line at once: nothing that was said is lost when the process is killed.

    When nobody reads any more, the work goes on without a log.
    """
    rest = f"{line}\n".encode()
    with contextlib.suppress(BrokenPipeError):
        while rest:
            rest = rest[os.write(_STDOUT, rest) :]


def configure(service: str, level: str, write: Write = to_stdout) -> None:
    """Set up both structlog and `logging` for this process. Call once, before anything logs."""
    global _output, _began
    _began = time.monotonic()
    threshold = logging.getLevelNamesMapping()[level.upper()]
    _output = _Output(service, threshold, write)
    structlog.configure(
        processors=[],
        wrapper_class=_logger_for(service, threshold),
        logger_factory=lambda *_: write,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[_LibraryHandler(service, write)], force=True)


@dataclass(frozen=True)
class _Output:
    service: str
    threshold: int
    write: Write


_output = _Output("", logging.WARNING, to_stdout)
_began = time.monotonic()


def absence(event: str, **fields: Any) -> None:
    """Log that something is away: info while that is expected, then a warning."""
    log = structlog.get_logger()
    (log.info if absence_is_expected() else log.warning)(event, **fields)


def absence_is_expected() -> bool:
    """Whether the process is so young that others may just start later. What lasts longer is logged again."""
    return time.monotonic() - _began < _BEGINNING_SECONDS


class Line:
    """A line that every call says: what is the same each time is rendered once.

    Args:
        event: its event; its level is info.
        same: fields with one value for ever.
        differing: names of the fields that `say` gives values to, in that order.
    """

    def __init__(self, event: str, same: Mapping[str, str], differing: Sequence[str]) -> None:
        self._event = event
        self._same = same
        self._differing = differing
        self._output: _Output | None = None
        self._template = ""

    def say(self, *values: str | float | None) -> None:
        """Write it, unless only graver things are logged."""
        if self._output is not _output:
            self._prepare(_output)
        if _output.threshold <= logging.INFO:
            _output.write(self._template % (_now(), *map(_scalar, values)))

    def _prepare(self, output: _Output) -> None:
        known = {"level": "info", "event": self._event, "service": output.service, **self._same}
        fixed = _encode(known)[1:-1].replace("%", "%%")
        self._template = f'{{"time":"%s",{fixed}' + "".join(f',"{name}":%s' for name in self._differing) + "}"
        self._output = output


def _scalar(value: str | float | None) -> str:
    if value is None:
        return "null"
    return _quote(value) if isinstance(value, str) else repr(value)


def error_text(error: BaseException) -> str:
    """The error's class and the first line of what it says; of a database's that as far as it repeats no value."""
    said = first_line(str(error))
    if type(error).__module__.partition(".")[0] == "asyncpg":
        said = _without_values(said, error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _without_values(said: str, error: BaseException) -> str:
    """What PostgreSQL or its driver found wrong with something, without that: it stands after a colon or in quotes."""
    about = (getattr(error, name, None) for name in ("sqlstate", "table_name", "column_name", "constraint_name"))
    return " ".join([_VALUE.split(said, 1)[0].rstrip(), *filter(None, about)])


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


class _Logger(BoundLoggerBase):
    """structlog's logger with one renderer instead of a chain of processors: one line a call is on every call's way."""

    service: ClassVar[str]
    threshold: ClassVar[int]

    def debug(self, event: str, **fields: Any) -> None:
        self._say(logging.DEBUG, "debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._say(logging.INFO, "info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._say(logging.WARNING, "warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._say(logging.ERROR, "error", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        self._say(logging.ERROR, "error", event, {"exc_info": True, **fields})

    def critical(self, event: str, **fields: Any) -> None:
        self._say(logging.CRITICAL, "critical", event, fields)

    def _say(self, weight: int, level: str, event: str, fields: dict[str, Any]) -> None:
        if weight >= self.threshold:
            error = _present(fields.pop("exc_info", None))
            self._logger(_render(self.service, level, event, {**self._context, **fields}, error))


def _logger_for(service: str, threshold: int) -> type[_Logger]:
    return type("Logger", (_Logger,), {"service": service, "threshold": threshold})


def _present(error: BaseException | bool | None) -> BaseException | None:
    """The error that is meant: `exc_info=True` means the one that is being handled."""
    return sys.exc_info()[1] if error is True else error or None


class _LibraryHandler(logging.Handler):
    """Gives a line of `logging` the same form; its event is the message, `logger` says whose it is."""

    def __init__(self, service: str, write: Write) -> None:
        super().__init__()
        self._service = service
        self._write = write
        self._repeats = Repeats(_SAID_AGAIN_AFTER_SECONDS)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
            left_out = self._repeats.since_said((record.name, message))
            if left_out is None:
                return
            error = record.exc_info[1] if record.exc_info else None
            fields = {"logger": record.name, **({"left_out": left_out} if left_out else {})}
            self._write(_render(self._service, _level(record), message, fields, error))
        except Exception:  # a line of theirs that cannot be written is not worth a failure of ours
            self.handleError(record)


def _level(record: logging.LogRecord) -> str:
    """Kafka's client calls a broker that is not there yet an error; the service says by itself what it lacks."""
    begins = record.name.startswith(_FULL_OF_ABSENCE) and absence_is_expected()
    return "info" if begins else record.levelname.lower()


def _render(service: str, level: str, event: str, fields: dict[str, Any], error: BaseException | None) -> str:
    line: dict[str, Any] = {"time": _now(), "level": level, "event": event, "service": service, **fields}
    traceparent = trace_context.current()
    if traceparent is not None:
        line["trace_id"] = trace_context.trace_id(traceparent)
    if error is not None:
        line["error"] = error_text(error)
        line["stack"] = stack_of(error)
    return without_credentials(_encode(line))


def without_credentials(line: str) -> str:
    """A line of JSON with credentials masked."""
    return _CREDENTIALS.sub("***", line) if "@" in line or "assword=" in line else line


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
