-- One row per session, by the hash of its token: the token itself is stored nowhere.
CREATE TABLE sessions (
    token      BLOB    NOT NULL PRIMARY KEY,
    session_id BLOB    NOT NULL,
    account_id BLOB    NOT NULL,
    generation BLOB    NOT NULL, -- the account's when it was opened; it counts under no other
    created    INTEGER NOT NULL,
    proven     INTEGER NOT NULL, -- when the password was last given
    seen       INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    user_agent TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_account ON sessions (account_id, created);
CREATE INDEX sessions_expires ON sessions (expires);
