-- depends: 0002.inventory.stock-moves

-- Whose order it is: what one customer holds at once is bounded.
ALTER TABLE reservations ADD COLUMN customer_id uuid;

CREATE INDEX reservations_held_by ON reservations (customer_id) WHERE status = 'held' AND customer_id IS NOT NULL;
