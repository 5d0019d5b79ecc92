-- depends: 0002.payment.ordered-refunds

-- When a refund's outcome became known, as payments have it. Of refunds that were settled before, their last change.
ALTER TABLE refunds ADD COLUMN processed_at timestamptz;
ALTER TABLE refunds DISABLE TRIGGER refunds_updated_at;
UPDATE refunds SET processed_at = updated_at WHERE status <> 'pending';
ALTER TABLE refunds ENABLE TRIGGER refunds_updated_at;

CREATE INDEX refunds_status ON refunds (status);
