"""Parses log lines of all parts. Our processes log JSON, other programs use their own formats."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RAW = "raw"
"""The level of a line in an unknown format, such as a traceback's."""

_LEVELS = {
    "warn": "warning",
    "err": "error",
    "crit": "critical",
    "fatal": "critical",
    "log": "info",
    "notice": "info",
    "trace": "debug",
}
_PART_OF_EVERY_LIFE = (
    ("supervisor", "Supervisor is running as root"),
    ("supervisor", "running without any HTTP authentication checking"),  # only the owner can open its socket
    ("supervisor", "stopped: "),
    ("kafka", "Performing controller activation"),
    ("kafka", "Attempting to close NetworkClient that has already been closed"),
    ("ferretdb", "use of closed network connection"),  # caused by the port check, which connects and closes
)
"""Messages that other programs log as serious, but that occur at every start or stop."""
_POSTGRES_TO_CLIENTS = ("ERROR", "FATAL", "STATEMENT", "DETAIL", "HINT", "CONTEXT")
"""Errors that PostgreSQL returned to a client, and logs with the client's severity."""

_POSTGRES = re.compile(r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC \[\d+\] (?P<level>[A-Z]+): +(?P<event>.*)")
_KAFKA = re.compile(r"(?P<time>\S+T\S+) \[[^]]*\] (?P<level>[A-Z]+) (?P<logger>\S+) - (?P<event>.*)")
_FERRETDB = re.compile(r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) (?P<level>[A-Z]+) (?P<event>.*)")
_SUPERVISOR = re.compile(r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+) (?P<level>[A-Z]+) (?P<event>.*)")
_ENVOY_STOPS = "caught ENVOY_SIGTERM"
_FERRETDB_DUMPS = ("Response header", "Response message")
_FORMS = {"postgres": _POSTGRES, "kafka": _KAFKA, "ferretdb": _FERRETDB, "supervisor": _SUPERVISOR}


@dataclass(frozen=True)
class LogLine:
    """One event of one part. `time` is ISO 8601 in UTC, without an offset; "" if the line has none."""

    part: str
    time: str
    level: str
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"time": self.time, "part": self.part, "level": self.level, "event": self.event, **self.fields}


def read(part: str, text: str) -> LogLine | None:
    """Parse a line. The level is RAW if its format is unknown.

    None for a line of the multi-line documents that FerretDB logs for each rejected command.
    """
    if part == "ferretdb" and _is_dumped(text):
        return None
    parse: Callable[[str, str], LogLine | None] = _of_json if text.startswith("{") else _of_others
    return parse(part, text) or LogLine(part, "", RAW, text)


def _is_dumped(text: str) -> bool:
    form = _FERRETDB.fullmatch(text)
    return form is None or form["event"].startswith(_FERRETDB_DUMPS)


def _of_json(part: str, text: str) -> LogLine | None:
    try:
        fields = json.loads(text)
    except ValueError:
        return None
    time = _instant(str(fields.pop("time", None) or fields.pop("timestamp", "")))
    level = _level(str(fields.pop("level", "info")))
    event = fields.pop("event", None) or _health_event(fields)
    fields.pop("service", None)
    if event == _ENVOY_STOPS:
        level = "info"
    return LogLine(part, time, level, str(event), fields)


def _health_event(fields: dict[str, Any]) -> str:
    """The name of an Envoy health check event. Of its details only the cluster's name is kept."""
    name = next((key for key in fields if key.endswith("_event")), "?")
    cluster = fields.get("cluster_name")
    if name != "?" and cluster:
        fields.clear()
        fields["cluster"] = cluster
    return name


def _of_others(part: str, text: str) -> LogLine | None:
    form = _FORMS.get(part)
    found = form.fullmatch(text) if form else None
    if found is None:
        return None
    fields = found.groupdict()
    expected = part == "postgres" and fields["level"] in _POSTGRES_TO_CLIENTS
    expected = expected or any(part == one and words in text for one, words in _PART_OF_EVERY_LIFE)
    level = "info" if expected else _level(fields["level"])
    logger = {"logger": fields["logger"]} if fields.get("logger") else {}
    return LogLine(part, _instant(fields["time"]), level, fields["event"], logger)


def _level(word: str) -> str:
    word = word.lower()
    return _LEVELS.get(word, word)


def _instant(text: str) -> str:
    """Normalize a UTC time to milliseconds, so that times sort as text."""
    plain = text.replace("/", "-").replace(" ", "T").replace(",", ".")
    plain = re.sub(r"(Z|[+-]\d\d:?\d\d)$", "", plain)
    seconds, _, fraction = plain.partition(".")
    return f"{seconds}.{fraction[:3]:0<3}" if seconds else ""
