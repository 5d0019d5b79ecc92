-- Mails about accounts, which carry a token; mails that are parked or not wanted; what people want.

-- What a token is asked for by when the mail is sent. The token itself is never kept.
ALTER TABLE messages ADD COLUMN mail_request_id uuid;

ALTER TABLE messages DROP CONSTRAINT messages_status_check;
UPDATE messages SET status = 'parked' WHERE status = 'failed';
ALTER TABLE messages ADD CONSTRAINT messages_status_check CHECK (status IN ('pending', 'sent', 'parked', 'dropped'));

-- What operators look at, oldest first.
CREATE INDEX messages_parked ON messages (id) WHERE status = 'parked';

-- What a person said about a kind of message; without a row they want it.
CREATE TABLE preferences (
    user_id    uuid NOT NULL,
    kind       text NOT NULL,
    email      boolean NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, kind)
);
