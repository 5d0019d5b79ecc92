-- depends: 0002.inventory.stock-moves

-- A move of its own for numbers that were set to what moves and reservations say.
ALTER TABLE stock_moves DROP CONSTRAINT stock_moves_kind_check;
ALTER TABLE stock_moves ADD CONSTRAINT stock_moves_kind_check CHECK (
    kind IN ('opening', 'reserve', 'commit', 'release', 'expire', 'adjust', 'reconcile')
) NOT VALID;
