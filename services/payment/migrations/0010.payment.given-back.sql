-- depends: 0002.payment.ordered-refunds

-- What goes back in full and how far that has come; what Stripe's servers fail at; disputes.

ALTER TABLE payments
    -- Which of the payment's keys Stripe is asked with, and how often its servers have failed under that one.
    ADD COLUMN key_number           integer NOT NULL DEFAULT 1,
    ADD COLUMN server_errors        integer NOT NULL DEFAULT 0,
    -- Whatever it holds goes back.
    ADD COLUMN give_back            boolean NOT NULL DEFAULT false,
    -- Why it needs a person, since when, and how that person has settled it.
    ADD COLUMN stranded             text CHECK (stranded IN (
        'refund_returned', 'refund_refused', 'disputed', 'dispute_lost', 'unknown_at_stripe'
    )),
    ADD COLUMN stranded_at          timestamptz,
    ADD COLUMN given_back_otherwise text,
    -- How the customer's disputes of it stand, the worst of them.
    ADD COLUMN dispute              text CHECK (dispute IN ('won', 'inquiry', 'open', 'lost'));

CREATE INDEX payments_stranded ON payments (stranded_at) WHERE stranded IS NOT NULL;

CREATE FUNCTION note_stranded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.stranded_at = CASE WHEN NEW.stranded IS NULL THEN NULL ELSE coalesce(OLD.stranded_at, now()) END;
    RETURN NEW;
END
$$;

CREATE TRIGGER payments_stranded_at BEFORE UPDATE ON payments
    FOR EACH ROW WHEN (NEW.stranded IS DISTINCT FROM OLD.stranded) EXECUTE FUNCTION note_stranded();

ALTER TABLE refunds
    ADD COLUMN key_number    integer NOT NULL DEFAULT 1,
    ADD COLUMN server_errors integer NOT NULL DEFAULT 0;

-- What orders that were cancelled before have kept: it is looked at now.
UPDATE payments SET give_back = true, check_at = coalesce(check_at, now())
    WHERE status IN ('succeeded', 'partially_refunded', 'refunded')
    AND (late OR order_id IN (SELECT order_id FROM cancelled_orders));

-- A dispute each, as Stripe has it.
CREATE TABLE disputes (
    stripe_dispute_id text PRIMARY KEY,
    payment_id        uuid NOT NULL REFERENCES payments (id),
    amount            numeric NOT NULL CHECK (amount >= 0),
    currency          char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason            text NOT NULL,
    -- Stripe's word, and what it means to us.
    status            text NOT NULL,
    state             text NOT NULL CHECK (state IN ('won', 'inquiry', 'open', 'lost')),
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX disputes_payment ON disputes (payment_id);

CREATE TRIGGER disputes_updated_at BEFORE UPDATE ON disputes FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_entry_check;
ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_entry_check CHECK (entry IN (
    'capture', 'fee', 'refund', 'refund_reversal', 'dispute', 'dispute_reversal', 'dispute_fee', 'dispute_fee_reversal'
));
