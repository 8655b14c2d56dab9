-- Of an active account: what it is known by whatever its address, whether an operator has blocked it, and the address
-- that it is to move to.
ALTER TABLE accounts
    ADD COLUMN account_id        BINARY(16),
    ADD COLUMN blocked           TINYINT NOT NULL DEFAULT 0,
    ADD COLUMN moving_address    VARCHAR(512),
    ADD COLUMN moving_generation BINARY(16),
    ADD COLUMN moving_until      BIGINT,
    ADD UNIQUE KEY accounts_account_id (account_id);
