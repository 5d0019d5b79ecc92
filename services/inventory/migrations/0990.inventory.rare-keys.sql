-- depends: 0942.inventory.customers-holds

-- A page of stock moves is found by the index of its owner, also when most rows are of another.
-- The primary key has the same order: it would be read until enough rows of the owner were met.
-- PostgreSQL takes the statistics of all rows for any key, unless it is told how many rows a key has: one here.
ALTER TABLE stock_moves ALTER COLUMN product_id SET (n_distinct = -1);
ANALYZE stock_moves;
