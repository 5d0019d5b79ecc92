-- depends: 0002.payment.ordered-refunds

-- What pruning reads.
CREATE INDEX cancelled_orders_ended_at ON cancelled_orders (ended_at);
