-- depends: 0002.payment.ordered-refunds

-- Amounts of any currency, each with its currency's own places: KWD has three decimals, JPY none, and a fee that is kept in
-- IDR has more digits than numeric(10, 2) holds. This departs on purpose from the DECIMAL(10,2) that amounts were
-- specified with: it could not record a capture that Stripe had made. What was there stays as it is, and no row is
-- rewritten for it.
ALTER TABLE payments
    ALTER COLUMN amount TYPE numeric,
    ALTER COLUMN provider_fee TYPE numeric,
    ALTER COLUMN net_amount TYPE numeric,
    ADD CONSTRAINT payments_amount_is_an_amount CHECK (amount <= 999999999999 AND scale(amount) <= 3),
    ADD CONSTRAINT payments_fee_is_finite CHECK (provider_fee < 'Infinity'),
    ADD CONSTRAINT payments_net_is_finite CHECK (net_amount < 'Infinity' AND net_amount > '-Infinity');
ALTER TABLE refunds
    ALTER COLUMN amount TYPE numeric,
    ADD CONSTRAINT refunds_amount_is_an_amount CHECK (amount <= 999999999999 AND scale(amount) <= 3);
ALTER TABLE ledger_entries
    ALTER COLUMN amount TYPE numeric,
    ADD CONSTRAINT ledger_entries_amount_is_finite CHECK (amount < 'Infinity');
