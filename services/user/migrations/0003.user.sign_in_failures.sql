-- Sign-ins that failed lately, by account address and by client address. Neither is kept: a keyed hash stands for each.

CREATE TABLE sign_in_failures (
    what          bytea PRIMARY KEY CHECK (octet_length(what) = 32),
    failures      int NOT NULL CHECK (failures > 0),
    last_at       timestamptz NOT NULL DEFAULT now(),
    refused_until timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX sign_in_failures_last_at ON sign_in_failures (last_at);
