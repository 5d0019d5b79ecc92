-- depends: 0910.payment.providers 0830.payment.webhooks-of-a-payment

-- Two providers may give the same id to a webhook, or to a dispute. Everything until now is Stripe's. Versions of before
-- write disputes by stripe_dispute_id and know no provider; a trigger keeps both references in step.

ALTER TABLE processed_webhook_events ADD COLUMN provider text NOT NULL DEFAULT 'stripe';
ALTER TABLE processed_webhook_events DROP CONSTRAINT processed_webhook_events_pkey;
ALTER TABLE processed_webhook_events ADD PRIMARY KEY (provider, event_id);

ALTER TABLE disputes
    ADD COLUMN provider           text NOT NULL DEFAULT 'stripe',
    ADD COLUMN provider_reference text;

ALTER TABLE disputes DISABLE TRIGGER disputes_updated_at;
UPDATE disputes SET provider_reference = stripe_dispute_id;
ALTER TABLE disputes ENABLE TRIGGER disputes_updated_at;

ALTER TABLE disputes DROP CONSTRAINT disputes_pkey;
ALTER TABLE disputes ALTER COLUMN stripe_dispute_id DROP NOT NULL;
ALTER TABLE disputes ADD PRIMARY KEY (provider, provider_reference);
CREATE UNIQUE INDEX disputes_stripe_dispute_id ON disputes (stripe_dispute_id);

CREATE FUNCTION disputes_references_in_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.provider = 'stripe' THEN
        NEW.provider_reference = coalesce(NEW.provider_reference, NEW.stripe_dispute_id);
        NEW.stripe_dispute_id = NEW.provider_reference;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER disputes_references BEFORE INSERT ON disputes
    FOR EACH ROW EXECUTE FUNCTION disputes_references_in_step();
