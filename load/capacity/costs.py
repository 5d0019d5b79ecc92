"""What one purchase costs: the only figures of the model that are written by hand.

CPU is that of `make bench` of 2026-11-29 on two busy cores: 160 purchases, 8 at once, the median of three rounds. It
measures PostgreSQL's 8.09 ms as a whole. They are divided by the CPU of the sessions of each database in a run of the
same purchases: 43 % FerretDB's, 28 % payment's, 23 % inventory's, 5 % notification's, 1 % user's. FerretDB with its
share is the order store. In a cluster that is MongoDB, which was not measured.
"""

CPU_MS = {
    "edge": 2.27,
    "order": 6.62,
    "payment": 5.08,
    "inventory": 3.05,
    "notification": 2.34,
    "kafka": 2.98,
    "order store": 4.15 + 3.48,
    "payment database": 2.27,
    "inventory database": 1.86,
    "notification database": 0.4,
}
"""Part → CPU of a purchase, ms."""

FLUSH_MS = 1.0
"""Assumed: how long a commit waits for the disk. It occupies a connection and a partition, but no core."""

RELAY_MS = 0.5
"""Assumed: CPU of the relay for one event. One replica of a service publishes its outbox: the one with the lease."""

MEMORY_MB = {"order": 130, "payment": 135, "inventory": 115, "notification": 115, "edge": 60}
"""Resident memory of one process under load, MB, from the same machine."""

BYTES_KEPT = {
    "payment database": 879 + 2 * 244 + 2 * 500,
    "order store": 4_000,
}
"""Kept for good of one purchase, with indexes (docs/growth.md). Orders are not measured there: assumed."""

BYTES_OF_A_DAY = {
    "payment database": 2 * 415 + 2 * 1_300,
    "inventory database": 2 * 415,
    "order store": 1_300,
}
"""Outbox and idempotency keys: kept for a day."""

INBOX_BYTES = 243
INBOX_DAYS = 91
INBOX_ROWS = {"payment database": 1, "inventory database": 1, "notification database": 3}
"""Events that a purchase writes into each inbox."""

RECORD_BYTES = 800
"""Assumed: one event on the bus, with its headers."""

RECORD_DAYS = ((30, 2), (90, 1), (7, 1))
"""(days a topic keeps, events of a purchase): order-events, payment-events, inventory-events."""

BROKERS = 3
"""Each keeps every record."""
