-- depends: 0941.user.address-changes

-- A page of sessions is found by the index of its owner, also when most rows are of another.
-- The primary key has the same order: it would be read until enough rows of the owner were met.
-- PostgreSQL takes the statistics of all rows for any key, unless it is told how many rows a key has: one here.
ALTER TABLE user_sessions ALTER COLUMN user_id SET (n_distinct = -1);
ANALYZE user_sessions;
