-- depends: 0040.notification.messages-of-an-order

-- A page of messages is found by the index of its owner, also when most rows are of another.
-- The primary key has the same order: it would be read until enough rows of the owner were met.
-- PostgreSQL takes the statistics of all rows for any key, unless it is told how many rows a key has: one here.
ALTER TABLE messages ALTER COLUMN user_id SET (n_distinct = -1);
ANALYZE messages;
