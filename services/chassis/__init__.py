"""The chassis: the code that all services share. It contains no business logic and knows no service.

A service's `__main__.py` creates an `App`, adds what it needs and runs it. README.md lists the API in two tables. Each
room says in its `__init__.py` what its modules do. A room imports only those after it (`make check`):

    app         wires a service: start, run, drain
    rpc         gRPC: policies, pipeline, identity, calls to other services
    data        PostgreSQL and MongoDB; outbox, inbox, idempotency keys
    bus         Kafka: events, producers, consumers, dead letters
    process     settings, resources, readiness, background tasks, health
    plain       values, errors, time: what use cases import

Beside them, `tracing` makes OpenTelemetry spans, if a collector is configured.
"""
