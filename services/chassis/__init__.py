"""The chassis: the code that all services share. It contains no business logic and knows no service.

A service's `__main__.py` creates an `App`, adds what it needs and runs it. README.md lists the API in two tables. The
modules, in reading order:

Process
    app             wires a service; start, run, drain
    settings        environment variables → frozen settings
    resource        the interface of what the app starts, checks and stops
    readiness       retries the start of each resource; decides SERVING or NOT_SERVING
    background      background tasks, restarted after a failure
    periodic        the loop of periodic work
    side_by_side    concurrent work with a limit
    shielded        work that continues after its caller is cancelled
    cancellation    distinguishes the cancellation of a task from that of an awaited one
    health, admin   gRPC health; HTTP health, metrics and keys
    logs            JSON logs, one object per line
    tracing         OpenTelemetry spans, if a collector is configured
    backoff         delays between retries
    metrics         initializes series at 0

Serving rpcs
    policy          the contract's options of each rpc
    pipeline        the steps around every handler, one file per concern
    call            the call's metadata, as a handler receives it
    errors          the exceptions that every service may raise
    statuses        exceptions → gRPC statuses
    server          the gRPC port: binds handlers to contracts
    reflection      gRPC reflection of the public services
    user_tokens, jwks, service_tokens   authentication
    revocations     revoked sessions
    client, refusals                    calls to other services, and their error details
    deadlines, trace_context            deadline and trace of the current task

Data
    postgres, migrations, mongo         the stores
    unit_of_work, postgres_work         a transaction: the port for use cases, and its PostgreSQL adapter
    idempotency     idempotency keys
    housekeeping    deletes expired rows
    paging, money, ids, clock           values

Events
    events          event messages and CloudEvents headers
    outbox, postgres_outbox, relay, producer        from a transaction to Kafka
    consumer, consumer_session, partition, handling from Kafka to a handler
    inbox           deduplicates events
    transient, dead_letters             which errors are retried; what happens to the other messages
"""
