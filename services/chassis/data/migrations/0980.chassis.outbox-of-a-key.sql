-- depends: 0001.chassis.outbox

-- What publishing an event again, and an order's story (`argosy story`), look for: the table holds a day of events.
CREATE INDEX outbox_key ON outbox (key);
