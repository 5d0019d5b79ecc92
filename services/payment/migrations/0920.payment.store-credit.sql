-- depends: 0910.payment.providers

-- Store credit: a balance a customer and currency, its entries, and the charges that payments made.

-- Changed in the transaction that writes the entry. It never goes below zero, whatever the code above it does.
CREATE TABLE credit_accounts (
    user_id    uuid NOT NULL,
    currency   char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    balance    numeric NOT NULL CHECK (balance >= 0 AND balance < 'Infinity'),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, currency)
);

CREATE TRIGGER credit_accounts_updated_at BEFORE UPDATE ON credit_accounts
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- Amounts are positive; the kind says which way.
CREATE TABLE credit_entries (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL,
    currency   char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    kind       text NOT NULL CHECK (kind IN ('grant', 'charge', 'reversal', 'refund')),
    amount     numeric NOT NULL CHECK (amount > 0 AND amount <= 999999999999 AND scale(amount) <= 3),
    payment_id uuid CHECK ((payment_id IS NULL) = (kind = 'grant')),
    -- One entry a refund, so nothing is given back twice.
    refund_id  uuid UNIQUE CHECK ((refund_id IS NOT NULL) = (kind IN ('reversal', 'refund'))),
    granted_by uuid CHECK ((granted_by IS NOT NULL) = (kind = 'grant')),
    reason     text CHECK ((reason IS NOT NULL) = (kind = 'grant')),
    created_at timestamptz NOT NULL,
    FOREIGN KEY (user_id, currency) REFERENCES credit_accounts (user_id, currency)
);

-- One charge a payment.
CREATE UNIQUE INDEX credit_entries_charge ON credit_entries (payment_id) WHERE kind = 'charge';
CREATE INDEX credit_entries_payment ON credit_entries (payment_id);
-- Ids are in order of time: lists go by them, newest first.
CREATE INDEX credit_entries_user ON credit_entries (user_id, id DESC);

CREATE TRIGGER credit_entries_append_only BEFORE UPDATE OR DELETE ON credit_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER credit_entries_never_emptied BEFORE TRUNCATE ON credit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What was asked for payments, also what the balance did not cover. One row a payment: asked again, it is found.
CREATE TABLE credit_charges (
    reference  text PRIMARY KEY,
    position   bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    payment_id uuid NOT NULL UNIQUE,
    user_id    uuid NOT NULL,
    amount     numeric NOT NULL CHECK (amount > 0),
    currency   char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    state      text NOT NULL CHECK (state IN ('succeeded', 'declined', 'cancelled')),
    created_at timestamptz NOT NULL DEFAULT now()
);
