-- depends: 0921.payment.notices-and-disputes-of-providers

-- A page of payments, refunds or entries is found by the index of its owner, also when most rows are of another.
-- The primary key has the same order: it would be read until enough rows of the owner were met.
-- PostgreSQL takes the statistics of all rows for any key, unless it is told how many rows a key has: one here.
ALTER TABLE payments ALTER COLUMN user_id SET (n_distinct = -1);
ALTER TABLE refunds ALTER COLUMN payment_id SET (n_distinct = -1);
ALTER TABLE credit_entries ALTER COLUMN user_id SET (n_distinct = -1);
ANALYZE payments;
ANALYZE refunds;
ANALYZE credit_entries;
