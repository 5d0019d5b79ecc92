-- What people prove by a token that was mailed to them: that a reset is theirs to ask for, that an address is theirs.

CREATE TABLE mail_requests (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose     text NOT NULL CHECK (purpose IN ('password_reset', 'email_verification')),
    address_key varchar(254) NOT NULL, -- it counts while the account has this address
    created_at  timestamptz NOT NULL DEFAULT now(),
    settled     boolean NOT NULL DEFAULT false -- used, or replaced by a newer one
);

-- A newer one voids the one before it.
CREATE UNIQUE INDEX mail_requests_open ON mail_requests (user_id, purpose) WHERE NOT settled;
CREATE INDEX mail_requests_user_id ON mail_requests (user_id);
CREATE INDEX mail_requests_created_at ON mail_requests (created_at);

-- One row a mail that was about to be sent. SHA-256 of the token; the token is kept nowhere.
CREATE TABLE mailed_tokens (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    request_id uuid NOT NULL REFERENCES mail_requests (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);

CREATE INDEX mailed_tokens_request_id ON mailed_tokens (request_id);

-- Addresses for which a reset was asked, until a moment later somebody looks whether an account has them.
CREATE TABLE reset_wishes (
    id          uuid PRIMARY KEY, -- version 7: ordered by time
    address_key varchar(254) NOT NULL
);

-- How many mails were asked for lately, by account address and by client address: a keyed hash stands for each.
CREATE TABLE mail_asks (
    what  bytea PRIMARY KEY CHECK (octet_length(what) = 32),
    asked int NOT NULL CHECK (asked > 0),
    since timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX mail_asks_since ON mail_asks (since);
