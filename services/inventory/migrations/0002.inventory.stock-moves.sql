-- depends: 0001.inventory.catalog-and-reservations

-- No references to products from what every order writes: each would take a share lock on the product's row, and with
-- those on a row that everybody locks and updates, transactions come to wait for each other crosswise (PostgreSQL guards
-- a row version with share lockers by a lock of its own, which the next in line holds while it waits). A product that
-- does not exist is refused by the statement that changes its numbers; and none is ever deleted.
ALTER TABLE reservation_items DROP CONSTRAINT reservation_items_product_id_fkey;

CREATE FUNCTION keep_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'products are never deleted: orders and moves of stock name them' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER products_are_kept BEFORE DELETE ON products FOR EACH ROW EXECUTE FUNCTION keep_products();

-- Below how many available a product counts as running out; null: the service's setting.
ALTER TABLE products ADD COLUMN low_stock_threshold integer CHECK (low_stock_threshold >= 0);

-- Why stock is what it is: one line each time a product's numbers change, with what they are after it. Ids of one
-- product are in the order of its changes, for whoever writes a line holds the product's lock.
CREATE TABLE stock_moves (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id    text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('opening', 'reserve', 'commit', 'release', 'expire', 'adjust')),
    on_hand_delta integer NOT NULL,
    held_delta    integer NOT NULL,
    on_hand       integer NOT NULL,
    held          integer NOT NULL,
    -- Whose order it was about, or who of the staff did it and why.
    order_id      uuid,
    moved_by      uuid,
    reason        varchar(200),
    moved_at      timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX stock_moves_of_product ON stock_moves (product_id, id DESC);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stock moves are append-only: adjust the stock instead' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER stock_moves_append_only BEFORE UPDATE OR DELETE ON stock_moves
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- No product without its first line, whoever puts it into the catalog.
CREATE FUNCTION open_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stock_moves (product_id, kind, on_hand_delta, held_delta, on_hand, held)
    VALUES (NEW.id, 'opening', NEW.on_hand, NEW.held, NEW.on_hand, NEW.held);
    RETURN NULL;
END
$$;

CREATE TRIGGER products_open_stock AFTER INSERT ON products FOR EACH ROW EXECUTE FUNCTION open_stock();

INSERT INTO stock_moves (product_id, kind, on_hand_delta, held_delta, on_hand, held)
SELECT id, 'opening', on_hand, held, on_hand, held FROM products;
