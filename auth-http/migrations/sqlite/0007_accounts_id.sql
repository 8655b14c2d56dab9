-- Of an active account: what it is known by whatever its address, whether an operator has blocked it, and the address
-- that it is to move to.
ALTER TABLE accounts ADD COLUMN account_id BLOB;
ALTER TABLE accounts ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN moving_address TEXT;
ALTER TABLE accounts ADD COLUMN moving_generation BLOB;
ALTER TABLE accounts ADD COLUMN moving_until INTEGER;
UPDATE accounts SET account_id = generation WHERE status = 2;
CREATE UNIQUE INDEX accounts_account_id ON accounts (account_id) WHERE account_id IS NOT NULL;
