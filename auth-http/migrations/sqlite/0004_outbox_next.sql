CREATE INDEX outbox_next ON outbox (next_at) WHERE dead_since IS NULL;
