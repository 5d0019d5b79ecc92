-- depends: 0002.notification.kinds

-- Somebody whose account was deleted: nothing is known of them but that, so that no event that comes late or again makes
-- them somebody who is written to.
ALTER TABLE recipients
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN name DROP NOT NULL,
    ADD COLUMN forgotten_at timestamptz,
    ADD CHECK ((email IS NULL) = (forgotten_at IS NOT NULL)),
    ADD CHECK ((name IS NULL) = (forgotten_at IS NOT NULL));

-- What pruning reads.
CREATE INDEX recipients_forgotten_at ON recipients (forgotten_at) WHERE forgotten_at IS NOT NULL;
CREATE INDEX orders_created_at ON orders (created_at);
CREATE INDEX messages_created_at ON messages (created_at) WHERE status <> 'pending';
