-- One row per session, by the hash of its token: the token itself is stored nowhere.
CREATE TABLE IF NOT EXISTS sessions (
    token      BINARY(32)   NOT NULL,
    session_id BINARY(16)   NOT NULL,
    account_id BINARY(16)   NOT NULL,
    generation BINARY(16)   NOT NULL, -- the account's when it was opened; it counts under no other
    created    BIGINT       NOT NULL,
    proven     BIGINT       NOT NULL, -- when the password was last given
    seen       BIGINT       NOT NULL,
    expires    BIGINT       NOT NULL,
    user_agent VARCHAR(120) NOT NULL,
    PRIMARY KEY (token),
    KEY sessions_account (account_id, created),
    KEY sessions_expires (expires)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
