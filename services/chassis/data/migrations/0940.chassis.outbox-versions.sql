-- depends: 0001.chassis.outbox

-- The version of the event's data (events.py). Services of before this column write version 1 and do not name it.
ALTER TABLE outbox ADD COLUMN data_version integer NOT NULL DEFAULT 1;
