"""The chassis: everything that is the same in every service, and nothing that is about commerce.

A service's `__main__.py` makes an `App`, adds what it needs and runs it. README.md has the API in two tables; the
modules, one idea each, in the order in which they are best read:

How a process lives
    app             what a service wires, and its life from start to drain
    settings        environment → frozen settings
    resource        what the app starts, checks and stops
    readiness       starting what is away until it is there; whether to be called
    background      work beside the calls, run again when it fails
    periodic        the loop of work that is done from time to time
    side_by_side    several pieces of work at once, up to a limit
    shielded        work that is not cut when its caller goes away
    cancellation    whose it is
    health, admin   what load balancers, probes and scrapers are told
    logs            one JSON object a line
    tracing         spans for a collector, where one is named
    backoff         how long to wait before the next try
    metrics         series that are shown before anything is counted

How a call is answered
    policy          what the contract says about each rpc
    pipeline        what surrounds every handler: a file for each concern
    call            what a handler is told about a call
    errors          the exceptions that every service may raise
    statuses        exceptions → gRPC statuses
    server          the gRPC port: contracts bound to handlers
    reflection      describes the public services alone
    user_tokens, jwks, service_tokens   who calls
    revocations     whose session has ended before its time
    client, refusals                    calls to other services, and what those said no to
    deadlines, trace_context            what follows the work: its time, its trace

How data is kept
    postgres, migrations, mongo         the stores
    unit_of_work, postgres_work         one transaction as use cases see it, and on PostgreSQL
    idempotency     an effect once, however often it is asked for
    housekeeping    what is no longer needed
    paging, money, ids, clock           values

How facts travel
    events          a message and its CloudEvents headers
    outbox, postgres_outbox, relay, producer        from a transaction to Kafka
    consumer, consumer_session, partition, handling from Kafka to a handler
    inbox           effects once, however often it is delivered
    transient, dead_letters             what passes by itself, and what never will
"""
