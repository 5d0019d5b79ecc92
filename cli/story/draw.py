"""Draws a story for people: one line per moment, with the time since the previous one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from rich.text import Text

from services.chassis.data.story import Kind, Moment
from services.chassis.plain import clock

_STYLES = {
    Kind.CALL: "dim",
    Kind.EVENT: "bold magenta",
    Kind.PUBLISHED: "dim magenta",
    Kind.HANDLED: "magenta",
    Kind.PAYMENT: "green",
    Kind.LEDGER: "bold green",
    Kind.STOCK: "yellow",
    Kind.MAIL: "blue",
    Kind.LOG: "red",
    Kind.WAITING: "bold red",
}
_WIDEST_SERVICE = len("notification")
_WIDEST_KIND = max(map(len, Kind))


def draw(moments: Iterable[Moment]) -> Iterator[Text]:
    """One line for each moment. Expects them in order of time."""
    last = None
    for moment in moments:
        gap = moment.at - last if last else timedelta()
        last = moment.at
        style = _STYLES[moment.kind]
        yield Text.assemble(
            clock.to_text(moment.at),
            (f" {gap_text(gap):>9} ", "dim"),
            (f"{moment.service:<{_WIDEST_SERVICE}} ", "cyan"),
            (f"{moment.kind:<{_WIDEST_KIND}} ", style),
            (moment.text, style),
        )


def gap_text(gap: timedelta) -> str:
    """A time span for people."""
    milliseconds = gap // timedelta(milliseconds=1)
    if milliseconds < 1_000:
        return f"+{milliseconds} ms"
    if gap < timedelta(minutes=2):
        return f"+{gap.total_seconds():.1f} s"
    if gap < timedelta(hours=2):
        return f"+{gap.total_seconds() / 60:.1f} min"
    return f"+{gap.total_seconds() / 3600:.1f} h"
