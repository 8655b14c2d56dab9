-- An account's id is the generation that it was activated with. Nodes of the version before still activate accounts
-- without one: `purge` fills theirs.
UPDATE accounts SET account_id = generation WHERE status = 2 AND account_id IS NULL;
