"""Logging: one JSON object per line on stdout, from structlog and from the standard `logging` of libraries.

Every line has time, level, event and service; inside a call or a consumer also trace_id. An error is logged as `error`
(its class and the first line of its text) and `stack`. Further lines of its text are left out, because they may repeat
stored values (PostgreSQL's DETAIL shows the row). A repeated line of a library is logged twice a minute; `left_out` is
the number of repeats. Credentials in URLs are masked in every field.

When a process starts, its dependencies may not have started yet. So `absence`, and the errors of Kafka's client, are
logged as info for the first two minutes, and with their level afterwards.
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

from services.chassis.plain import trace_context
from services.chassis.plain.repeats import Repeats

_STDOUT = 1
_LONGEST_ERROR = 300
_VALUE = re.compile(r"""["']|: """)
_REPEAT_SECONDS = 30.0
_CREDENTIALS = re.compile(r"(?<=://)(?:[^\s\"\\]|\\.)+(?=@)|(?<=password=)(?:[^\s\"\\&]|\\[^n])+", re.IGNORECASE)
"""In a line of JSON: everything between a URL's scheme and its last @, and the password of a connection string."""
_STARTUP_SECONDS = 120.0
_KAFKA_CLIENT = "aiokafka"
_AROUND_EVERY_CALL = "/services/chassis/rpc/pipeline/"
_encode = json.JSONEncoder(default=repr, separators=(",", ":")).encode
_quote = json.encoder.encode_basestring_ascii


Write = Callable[[str], None]
"""Takes one line, without its end."""


def to_stdout(line: str) -> None:
    """Write a line unbuffered, so that none is lost when the process is killed.

    If the reading end of the pipe is closed, lines are dropped.
    """
    rest = f"{line}\n".encode()
    with contextlib.suppress(BrokenPipeError):
        while rest:
            rest = rest[os.write(_STDOUT, rest) :]


def configure(service: str, level: str, write: Write = to_stdout) -> None:
    """Configure structlog and `logging` for this process. Call once, before anything is logged."""
    global _output, _started_at
    _started_at = time.monotonic()
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
_started_at = time.monotonic()


def absence(event: str, **fields: Any) -> None:
    """Log that a dependency is unavailable: as info while that is expected, then as a warning."""
    log = structlog.get_logger()
    (log.info if absence_is_expected() else log.warning)(event, **fields)


def absence_is_expected() -> bool:
    """Whether the process started so recently that its dependencies may not have started yet."""
    return time.monotonic() - _started_at < _STARTUP_SECONDS


class Line:
    """A log line that is written often, such as once per call. Its constant part is rendered once. Its level is info.

    Args:
        event: its event.
        same: the constant fields.
        differing: the names of the other fields, in the order of the values of `write`.
    """

    def __init__(self, event: str, same: Mapping[str, str], differing: Sequence[str]) -> None:
        self._event = event
        self._same = same
        self._differing = differing
        self._output: _Output | None = None
        self._template = ""

    def write(self, *values: str | float | None) -> None:
        """Write the line with these values, if the log level includes info."""
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
    """The error's class and the first line of its text. Stored values are removed from errors of asyncpg."""
    text = first_line(str(error))
    if type(error).__module__.partition(".")[0] == "asyncpg":
        text = _without_values(text, error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _without_values(text: str, error: BaseException) -> str:
    """The message of PostgreSQL or asyncpg without values, which come after a colon or in quotes."""
    about = (getattr(error, name, None) for name in ("sqlstate", "table_name", "column_name", "constraint_name"))
    return " ".join([_VALUE.split(text, 1)[0].rstrip(), *filter(None, about)])


def first_line(text: str) -> str:
    """The first line of a text, truncated to 300 characters."""
    return text.partition("\n")[0][:_LONGEST_ERROR]


def stack_of(error: BaseException) -> str:
    """The stack of an error and its causes, without values and without the pipeline's frames."""
    frames = traceback.format_list(
        frame for frame in traceback.extract_tb(error.__traceback__) if _AROUND_EVERY_CALL not in frame.filename
    )
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is None:
        return "".join(frames)
    return f"{stack_of(cause)}{error_text(cause)}, then:\n{''.join(frames)}"


class _Logger(BoundLoggerBase):
    """structlog's logger with one renderer instead of a chain of processors, because each call logs a line."""

    service: ClassVar[str]
    threshold: ClassVar[int]

    def debug(self, event: str, **fields: Any) -> None:
        self._write(logging.DEBUG, "debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._write(logging.INFO, "info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._write(logging.WARNING, "warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._write(logging.ERROR, "error", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        self._write(logging.ERROR, "error", event, {"exc_info": True, **fields})

    def critical(self, event: str, **fields: Any) -> None:
        self._write(logging.CRITICAL, "critical", event, fields)

    def _write(self, weight: int, level: str, event: str, fields: dict[str, Any]) -> None:
        if weight >= self.threshold:
            error = _present(fields.pop("exc_info", None))
            self._logger(_render(self.service, level, event, {**self._context, **fields}, error))


def _logger_for(service: str, threshold: int) -> type[_Logger]:
    return type("Logger", (_Logger,), {"service": service, "threshold": threshold})


def _present(error: BaseException | bool | None) -> BaseException | None:
    """The error to log: `exc_info=True` means the one that is being handled."""
    return sys.exc_info()[1] if error is True else error or None


class _LibraryHandler(logging.Handler):
    """Writes a record of `logging` as JSON: its message is `event`, its logger's name is `logger`."""

    def __init__(self, service: str, write: Write) -> None:
        super().__init__()
        self._service = service
        self._write = write
        self._repeats = Repeats(_REPEAT_SECONDS)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
            left_out = self._repeats.left_out((record.name, message))
            if left_out is None:
                return
            error = record.exc_info[1] if record.exc_info else None
            fields = {"logger": record.name, **({"left_out": left_out} if left_out else {})}
            self._write(_render(self._service, _level(record), message, fields, error))
        except Exception:  # a failure to log must not fail the library
            self.handleError(record)


def _level(record: logging.LogRecord) -> str:
    """The record's level; info for Kafka's client while unavailable brokers are expected."""
    expected = record.name.startswith(_KAFKA_CLIENT) and absence_is_expected()
    return "info" if expected else record.levelname.lower()


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
