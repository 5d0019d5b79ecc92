"""What `argosy tail` shows of a record that it cannot read."""

from __future__ import annotations

from cli.tail import event_row
from services.chassis.bus.events import Registry
from services.chassis.bus.raw_batches import Damaged, Undecodable


def test_a_damaged_record_is_a_row_with_the_reason() -> None:
    damaged = Undecodable("order-events", 1, 7, 0, None, None, (), Damaged("offset 7: its checksum is wrong"))
    row = event_row(damaged, Registry.of_package(), reveal=True)
    assert row["unreadable"] == "Damaged: offset 7: its checksum is wrong"
    assert (row["topic"], row["partition"], row["offset"]) == ("order-events", 1, 7)
