"""What a line in a part's log says. Our processes write JSON, the programs of others their own forms."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RAW = "raw"
"""The level of a line whose form is not known, such as a traceback's."""

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
    ("supervisor", "running without any HTTP authentication checking"),  # its socket is its owner's alone
    ("supervisor", "stopped: "),
    ("kafka", "Performing controller activation"),
    ("kafka", "Attempting to close NetworkClient that has already been closed"),
    ("ferretdb", "use of closed network connection"),  # whoever looks whether it listens hangs up
)
"""What programs of others call grave, and is not: it belongs to each start or stop."""
_POSTGRES_TO_CLIENTS = ("ERROR", "FATAL", "STATEMENT", "DETAIL", "HINT", "CONTEXT")
"""PostgreSQL's answers to a client, which logs them as grave as they are for it."""

_POSTGRES = re.compile(r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC \[\d+\] (?P<level>[A-Z]+): +(?P<event>.*)")
_KAFKA = re.compile(r"(?P<time>\S+T\S+) \[[^]]*\] (?P<level>[A-Z]+) (?P<logger>\S+) - (?P<event>.*)")
_FERRETDB = re.compile(r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) (?P<level>[A-Z]+) (?P<event>.*)")
_SUPERVISOR = re.compile(r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+) (?P<level>[A-Z]+) (?P<event>.*)")
_ENVOY_STOPS = "caught ENVOY_SIGTERM"
_FERRETDB_DUMPS = ("Response header", "Response message")
_FORMS = {"postgres": _POSTGRES, "kafka": _KAFKA, "ferretdb": _FERRETDB, "supervisor": _SUPERVISOR}


@dataclass(frozen=True)
class LogLine:
    """One event of one part. `time` is ISO 8601 in UTC, without an offset; "" where the line has none."""

    part: str
    time: str
    level: str
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"time": self.time, "part": self.part, "level": self.level, "event": self.event, **self.fields}


def read(part: str, text: str) -> LogLine | None:
    """What the line says; its level is RAW where nobody knows its form.

    None for a piece of the documents that FerretDB prints, over many lines, of each command that it refuses.
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
        said = json.loads(text)
    except ValueError:
        return None
    time = _instant(str(said.pop("time", None) or said.pop("timestamp", "")))
    level = _level(str(said.pop("level", "info")))
    event = said.pop("event", None) or _health_event(said)
    said.pop("service", None)
    if event == _ENVOY_STOPS:
        level = "info"
    return LogLine(part, time, level, str(event), said)


def _health_event(said: dict[str, Any]) -> str:
    """The name of an event of Envoy's health checks, of whose details only the cluster's name is kept."""
    name = next((key for key in said if key.endswith("_event")), "?")
    cluster = said.get("cluster_name")
    if name != "?" and cluster:
        said.clear()
        said["cluster"] = cluster
    return name


def _of_others(part: str, text: str) -> LogLine | None:
    form = _FORMS.get(part)
    found = form.fullmatch(text) if form else None
    if found is None:
        return None
    said = found.groupdict()
    expected = part == "postgres" and said["level"] in _POSTGRES_TO_CLIENTS
    expected = expected or any(part == one and words in text for one, words in _PART_OF_EVERY_LIFE)
    level = "info" if expected else _level(said["level"])
    logger = {"logger": said["logger"]} if said.get("logger") else {}
    return LogLine(part, _instant(said["time"]), level, said["event"], logger)


def _level(word: str) -> str:
    word = word.lower()
    return _LEVELS.get(word, word)


def _instant(text: str) -> str:
    """To the millisecond, in one form, so that it sorts: every part writes UTC."""
    plain = text.replace("/", "-").replace(" ", "T").replace(",", ".")
    plain = re.sub(r"(Z|[+-]\d\d:?\d\d)$", "", plain)
    seconds, _, fraction = plain.partition(".")
    return f"{seconds}.{fraction[:3]:0<3}" if seconds else ""
