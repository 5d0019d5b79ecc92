-- depends: 0002.inventory.stock-moves

-- What an order's story asks for (`argosy story`).
CREATE INDEX stock_moves_of_order ON stock_moves (order_id) WHERE order_id IS NOT NULL;
