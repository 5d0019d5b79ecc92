-- The catalog with its stock, and what orders hold of it.

CREATE TABLE products (
    id          text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    name        varchar(200) NOT NULL,
    description varchar(2000) NOT NULL DEFAULT '',
    price       numeric(10, 2) NOT NULL CHECK (price > 0),
    currency    char(3) NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),
    on_hand     integer NOT NULL CHECK (on_hand >= 0),
    held        integer NOT NULL DEFAULT 0 CHECK (held >= 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (held <= on_hand)
) WITH (fillfactor = 50); -- room for in-page updates: a product that sells is updated all the time

CREATE TABLE reservations (
    order_id       uuid PRIMARY KEY,
    status         text NOT NULL CHECK (status IN ('held', 'committed', 'released')),
    release_reason text CHECK (release_reason IN ('cancelled', 'expired')),
    currency       char(3),
    expires_at     timestamptz NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((status = 'released') = (release_reason IS NOT NULL))
);

-- What the expiry of holds looks for.
CREATE INDEX reservations_held_until ON reservations (expires_at) WHERE status = 'held';

CREATE TABLE reservation_items (
    order_id   uuid NOT NULL REFERENCES reservations (order_id) ON DELETE CASCADE,
    line       smallint NOT NULL,
    product_id text NOT NULL REFERENCES products (id),
    quantity   integer NOT NULL CHECK (quantity > 0),
    price      numeric(10, 2) NOT NULL CHECK (price > 0),
    PRIMARY KEY (order_id, line)
);

CREATE INDEX reservation_items_product ON reservation_items (product_id);
