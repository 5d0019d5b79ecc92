-- depends: 0002.inventory.stock-moves

-- From then on the order cannot be cancelled any more: its reservation gives nothing back.
ALTER TABLE reservations ADD COLUMN shipped_at timestamptz;

-- What pruning reads.
CREATE INDEX reservations_released_at ON reservations (updated_at) WHERE status = 'released';
CREATE INDEX reservations_shipped_at ON reservations (shipped_at) WHERE status = 'committed' AND shipped_at IS NOT NULL;
CREATE INDEX stock_moves_moved_at ON stock_moves (moved_at) WHERE kind <> 'opening';

-- Moves are folded into their product's opening once they are old; nobody changes or deletes a young one.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.moved_at < now() - interval '91 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'stock moves are append-only: adjust the stock instead' USING ERRCODE = 'restrict_violation';
END
$$;
