"""The life of a process: settings, resources, readiness, background tasks, health and metrics.

Imports `plain` only.

    settings, environment   environment variables → frozen settings
    resource        what the app starts, checks and stops
    readiness       retries the start of resources; decides whether the service can be called
    background      tasks that run besides the calls, restarted when they fail
    periodic        the loop of periodic work
    health, admin   gRPC health; the HTTP port for probes and metrics
    trouble         lasting errors of a store
    metrics         series that exist before the first count
    brokers         Kafka's address and credentials
"""
