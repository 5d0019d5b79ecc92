"""Stores: PostgreSQL and MongoDB, with the outbox, the inbox and idempotency keys in the same transaction.

Imports `plain`, `process` and `bus` (the encoding of events).

    postgres, postgres_url, migrations, mongo   the stores
    postgres_work   the unit of work on PostgreSQL
    outbox, postgres_outbox     events, stored in the transaction of their effect
    inbox           each event has its effect once
    idempotency     each idempotency key has its effect once
    housekeeping    deletes what is no longer needed, in small batches
    paging          page tokens
    story           what a service knows about one order, in order of time
"""
