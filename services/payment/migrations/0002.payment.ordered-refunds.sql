-- depends: 0001.payment.payments

-- Refunds that staff order: who did, under which key of theirs, and why Stripe would not make one.
ALTER TABLE refunds
    ADD COLUMN ordered_by   uuid,
    ADD COLUMN caller_key   text,
    ADD COLUMN failure_code text,
    ADD CHECK (caller_key IS NULL OR ordered_by IS NOT NULL);

-- Ids are in order of time: lists go by them, newest first.
CREATE INDEX refunds_of_payment ON refunds (payment_id, id DESC);
DROP INDEX refunds_payment;
