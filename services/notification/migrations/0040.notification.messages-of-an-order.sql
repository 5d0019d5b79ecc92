-- depends: 0002.notification.kinds

-- What an order's story asks for (`argosy story`).
CREATE INDEX messages_of_order ON messages (order_id) WHERE order_id IS NOT NULL;
