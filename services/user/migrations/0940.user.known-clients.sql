-- Client addresses from which an account was signed in to. Neither is stored: a keyed hash stands for both together.

CREATE TABLE known_clients (
    what    bytea PRIMARY KEY CHECK (octet_length(what) = 32),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX known_clients_user_id ON known_clients (user_id);
CREATE INDEX known_clients_seen_at ON known_clients (seen_at);
