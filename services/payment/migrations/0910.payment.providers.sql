-- depends: 0010.payment.given-back

-- Which provider has a payment, a refund and a movement of money, and what it calls them there. Everything until now is
-- Stripe's. Versions of before write stripe_* alone, and may run at the same time: triggers keep both columns in step.

ALTER TABLE payments
    ADD COLUMN provider           text NOT NULL DEFAULT 'stripe',
    ADD COLUMN provider_reference text;
ALTER TABLE refunds
    ADD COLUMN provider           text NOT NULL DEFAULT 'stripe',
    ADD COLUMN provider_reference text;
ALTER TABLE ledger_entries
    ADD COLUMN provider           text NOT NULL DEFAULT 'stripe',
    ADD COLUMN provider_reference text;

ALTER TABLE payments DISABLE TRIGGER payments_updated_at;
UPDATE payments SET provider_reference = stripe_payment_intent_id WHERE stripe_payment_intent_id IS NOT NULL;
ALTER TABLE payments ENABLE TRIGGER payments_updated_at;

ALTER TABLE refunds DISABLE TRIGGER refunds_updated_at;
UPDATE refunds SET provider_reference = stripe_refund_id WHERE stripe_refund_id IS NOT NULL;
ALTER TABLE refunds ENABLE TRIGGER refunds_updated_at;

-- No line changes what it says: the same reference, under another name.
ALTER TABLE ledger_entries DISABLE TRIGGER ledger_entries_append_only;
UPDATE ledger_entries SET provider_reference = stripe_id;
ALTER TABLE ledger_entries ENABLE TRIGGER ledger_entries_append_only;
ALTER TABLE ledger_entries ALTER COLUMN provider_reference SET NOT NULL;

CREATE UNIQUE INDEX payments_provider_reference ON payments (provider, provider_reference);
CREATE UNIQUE INDEX refunds_provider_reference ON refunds (provider, provider_reference);
CREATE UNIQUE INDEX ledger_entries_provider_reference ON ledger_entries (provider, provider_reference, entry);

CREATE FUNCTION payments_references_in_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.provider <> 'stripe' THEN
        RETURN NEW;
    ELSIF TG_OP = 'INSERT' THEN
        NEW.provider_reference = coalesce(NEW.provider_reference, NEW.stripe_payment_intent_id);
        NEW.stripe_payment_intent_id = NEW.provider_reference;
    ELSIF NEW.provider_reference IS DISTINCT FROM OLD.provider_reference THEN
        NEW.stripe_payment_intent_id = NEW.provider_reference;
    ELSE
        NEW.provider_reference = NEW.stripe_payment_intent_id;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER payments_references BEFORE INSERT OR UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION payments_references_in_step();

CREATE FUNCTION refunds_references_in_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.provider <> 'stripe' THEN
        RETURN NEW;
    ELSIF TG_OP = 'INSERT' THEN
        NEW.provider_reference = coalesce(NEW.provider_reference, NEW.stripe_refund_id);
        NEW.stripe_refund_id = NEW.provider_reference;
    ELSIF NEW.provider_reference IS DISTINCT FROM OLD.provider_reference THEN
        NEW.stripe_refund_id = NEW.provider_reference;
    ELSE
        NEW.provider_reference = NEW.stripe_refund_id;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER refunds_references BEFORE INSERT OR UPDATE ON refunds
    FOR EACH ROW EXECUTE FUNCTION refunds_references_in_step();

-- Of every provider: stripe_id must not be empty as long as it exists.
CREATE FUNCTION ledger_references_in_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.provider_reference = coalesce(NEW.provider_reference, NEW.stripe_id);
    NEW.stripe_id = coalesce(NEW.stripe_id, NEW.provider_reference);
    RETURN NEW;
END
$$;

CREATE TRIGGER ledger_entries_references BEFORE INSERT ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_references_in_step();
