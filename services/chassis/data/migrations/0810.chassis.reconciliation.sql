-- Where each comparison of the reconciliation has arrived, and which drift it has found that is not gone yet.

CREATE TABLE reconciliation_cursors (
    comparison text PRIMARY KEY,
    -- The last subject that was compared; empty: a round begins.
    place      text NOT NULL DEFAULT '',
    looked_at  timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE TABLE drifts (
    comparison text NOT NULL,
    kind       text NOT NULL,
    subject    text NOT NULL,
    ours       text NOT NULL,
    theirs     text NOT NULL,
    -- mended: repaired at the last look, and not seen since; left: for a person, or repaired without effect.
    outcome    text NOT NULL CHECK (outcome IN ('mended', 'left')),
    repairs    integer NOT NULL DEFAULT 0,
    found_at   timestamptz NOT NULL DEFAULT now(),
    looked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (comparison, kind, subject)
);
