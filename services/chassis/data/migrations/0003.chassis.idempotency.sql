-- Idempotency keys: claimed in the effect's own transaction; response is the answer to replay, null while there is none.
CREATE TABLE idempotency_keys (
    scope       text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    response    bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000
);

-- What pruning reads.
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
