"""Kafka: events, producers and consumers, dead letters.

Imports `plain` and `process`.

    events          a protobuf message and its CloudEvents headers
    producer        sends records; acknowledged by all in-sync replicas
    relay           publishes what an outbox holds (the outbox itself is in `data`)
    consumer, consumer_session, partition, handling     from Kafka to a handler
    consumer_lag    the lag metric
    dead_letters    records that cannot be processed
    reading, raw_batches    decodes fetches record by record
    tail            reads a topic without a consumer group
"""
