-- Whom to write to, what they ordered, and what was written.

CREATE TABLE recipients (
    user_id    uuid PRIMARY KEY,
    email      varchar(254) NOT NULL,
    name       varchar(201) NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE orders (
    order_id     uuid PRIMARY KEY,
    items        jsonb NOT NULL,
    total_amount text NOT NULL,
    currency     text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE messages (
    id              uuid PRIMARY KEY, -- version 7: ordered by time
    user_id         uuid NOT NULL,
    event_id        uuid NOT NULL,
    channel         text NOT NULL CHECK (channel IN ('email')),
    type            text NOT NULL,
    subject         text NOT NULL,
    order_id        uuid,
    data            jsonb NOT NULL,
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed')),
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    error           text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    sent_at         timestamptz,
    UNIQUE (event_id, channel), -- once an event and channel
    CHECK ((status = 'sent') = (sent_at IS NOT NULL))
);

-- A person's messages, newest first.
CREATE INDEX messages_of_user ON messages (user_id, id DESC);

-- What the sender looks for.
CREATE INDEX messages_due ON messages (next_attempt_at) WHERE status = 'pending';
