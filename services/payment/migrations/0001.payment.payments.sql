-- Payments, what Stripe answered about them, refunds, and the books.

CREATE TABLE payments (
    id                       uuid PRIMARY KEY,
    order_id                 uuid NOT NULL,
    user_id                  uuid NOT NULL,
    stripe_payment_intent_id text UNIQUE,
    amount                   numeric(10, 2) NOT NULL CHECK (amount > 0),
    currency                 char(3) NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),
    status                   text NOT NULL DEFAULT 'pending' CHECK (status IN (
        'pending', 'processing', 'requires_action', 'succeeded', 'failed', 'cancelled', 'refunded', 'partially_refunded'
    )),
    -- The request, as it has to be repeated to the letter when its outcome is unknown.
    payment_method           text NOT NULL,
    customer_id              text,
    return_url               text NOT NULL,
    idempotency_key          text,
    -- What Stripe keeps and what is left, in the account's own currency.
    provider_fee             numeric(10, 2),
    net_amount               numeric(10, 2),
    settlement_currency      char(3),
    error_code               text,
    decline_code             text,
    refusal                  text CHECK (refusal IN ('payment_method', 'customer', 'amount', 'request')),
    -- The money came after the payment or its order had ended; it goes back.
    late                     boolean NOT NULL DEFAULT false,
    -- The intent is still open at Stripe and is to be cancelled there.
    close_intent             boolean NOT NULL DEFAULT false,
    metadata                 jsonb NOT NULL DEFAULT '{}',
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    -- When Stripe was last asked to charge, how long a challenge may take, when the outcome was known.
    asked_at                 timestamptz NOT NULL DEFAULT now(),
    challenge_ends_at        timestamptz,
    processed_at             timestamptz,
    -- When the reconciler looks after it (taking it moves this on, so it is its lease as well), and how often it has.
    check_at                 timestamptz,
    checks                   integer NOT NULL DEFAULT 0,
    CHECK ((provider_fee IS NULL) = (net_amount IS NULL)),
    CHECK ((provider_fee IS NULL) = (settlement_currency IS NULL))
);

-- Ids are in order of time: lists go by them, newest first.
CREATE INDEX payments_order ON payments (order_id, id DESC);
CREATE INDEX payments_user ON payments (user_id, id DESC);
CREATE INDEX payments_status ON payments (status);
CREATE INDEX payments_created_at ON payments (created_at);
CREATE INDEX payments_to_check ON payments (check_at) WHERE check_at IS NOT NULL;

-- One live or paid payment an order, whatever the code above it does.
CREATE UNIQUE INDEX payments_one_an_order ON payments (order_id) WHERE
    NOT late AND status IN ('pending', 'processing', 'requires_action', 'succeeded', 'partially_refunded');

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END
$$;

CREATE TRIGGER payments_updated_at BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- Each answer of Stripe's that moved a payment on.
CREATE TABLE payment_attempts (
    payment_id        uuid NOT NULL REFERENCES payments (id),
    attempt_number    integer NOT NULL CHECK (attempt_number > 0),
    status            text NOT NULL,
    error_code        text,
    error_message     text,
    -- No card data and no client secret, ever.
    provider_response jsonb NOT NULL DEFAULT '{}',
    created_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (payment_id, attempt_number)
);

CREATE TABLE refunds (
    id               uuid PRIMARY KEY,
    payment_id       uuid NOT NULL REFERENCES payments (id),
    stripe_refund_id text UNIQUE,
    amount           numeric(10, 2) NOT NULL CHECK (amount > 0),
    currency         char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason           text NOT NULL,
    status           text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'succeeded', 'failed', 'cancelled')),
    -- What Stripe is asked with; one row for each, so nothing is given back twice. Null: made at Stripe by other hands.
    idempotency_key  text UNIQUE,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    check_at         timestamptz,
    checks           integer NOT NULL DEFAULT 0
);

CREATE INDEX refunds_payment ON refunds (payment_id);
CREATE INDEX refunds_to_check ON refunds (check_at) WHERE check_at IS NOT NULL;

CREATE TRIGGER refunds_updated_at BEFORE UPDATE ON refunds FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- The books: one line a capture, a fee and a refund, under Stripe's id. Amounts are positive; the entry says which way.
CREATE TABLE ledger_entries (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES payments (id),
    refund_id  uuid REFERENCES refunds (id),
    entry      text NOT NULL CHECK (entry IN ('capture', 'fee', 'refund', 'refund_reversal')),
    amount     numeric(10, 2) NOT NULL CHECK (amount >= 0),
    currency   char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    stripe_id  text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (stripe_id, entry)
);

CREATE INDEX ledger_entries_payment ON ledger_entries (payment_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: book a correcting entry instead' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_never_emptied BEFORE TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Orders that take no payment any more: cancelled, or about to be since PAYMENT_FAILED was said of them.
CREATE TABLE cancelled_orders (
    order_id uuid PRIMARY KEY,
    ended_at timestamptz NOT NULL DEFAULT now()
);

-- Stripe's events that took effect here, by Stripe's id.
CREATE TABLE processed_webhook_events (
    event_id    text PRIMARY KEY,
    type        text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX processed_webhook_events_received_at ON processed_webhook_events (received_at);
