-- The outbox: what happened, in the transaction that made it happen. The relay publishes it and writes sent_at.
CREATE TABLE outbox (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid NOT NULL,
    topic       text NOT NULL,
    key         text NOT NULL,
    type        text NOT NULL,
    subject     text NOT NULL,
    sequence    bigint,
    traceparent text,
    occurred_at timestamptz NOT NULL,
    value       bytea NOT NULL,
    sent_at     timestamptz
) WITH (
    -- Every row is written, marked and deleted: clean up by count, not by share of the table, so that it costs the same
    -- however much is kept.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 50000
);

-- What the relay reads: as small as the backlog, whatever the size of the table.
CREATE INDEX outbox_unsent ON outbox (position) WHERE sent_at IS NULL;

-- What pruning reads.
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;

-- Wakes the relay at commit, whoever wrote the row.
CREATE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER outbox_wake AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake();
