-- depends: 0002.payment.ordered-refunds

-- Which payment a webhook was about, for the story of its order. Of those received before, it is not known.
ALTER TABLE processed_webhook_events ADD COLUMN payment_id uuid;

CREATE INDEX processed_webhook_events_payment ON processed_webhook_events (payment_id) WHERE payment_id IS NOT NULL;
