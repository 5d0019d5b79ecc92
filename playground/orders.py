"""The latest orders, and the one whose story is shown."""

from __future__ import annotations

from collections import OrderedDict

from playground.stream import Stream

_MOST = 12


class Orders:
    """Keeps the latest orders by id, oldest first."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._statuses: OrderedDict[str, str] = OrderedDict()
        self.chosen = ""
        """The id of the order whose story is shown; empty: none."""
        self._pinned = False

    def seen(self, order_id: str, status: str) -> None:
        """Note the status of an order. A new one is chosen, unless a person or an act has chosen another."""
        new = order_id not in self._statuses
        if self._statuses.get(order_id) == status:
            return
        self._statuses[order_id] = status
        while len(self._statuses) > _MOST:
            self._statuses.popitem(last=False)
        if new and not self._pinned:
            self.chosen = order_id
        self._publish()

    def choose(self, order_id: str, *, pin: bool = False) -> None:
        """Show the story of this order; `pin`: also when others arrive."""
        self._statuses.setdefault(order_id, "pending")
        self.chosen = order_id
        self._pinned = pin
        self._publish()

    def _publish(self) -> None:
        latest = [{"id": order_id, "status": status} for order_id, status in reversed(self._statuses.items())]
        self._stream.publish("orders", {"chosen": self.chosen, "latest": latest}, keep=True)
