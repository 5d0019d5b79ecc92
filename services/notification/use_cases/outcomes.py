"""Counts the outcomes of messages."""

from __future__ import annotations

from prometheus_client import Counter

_OUTCOMES = Counter("argosy_messages_total", "Messages to people, by what became of an attempt.", ["type", "outcome"])


def count(message_type: str, outcome: str) -> None:
    """Count one outcome: sent, put_off, parked, dropped or handed_back."""
    _OUTCOMES.labels(message_type, outcome).inc()
