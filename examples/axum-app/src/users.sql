-- The club's members. Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS users (
    id         INTEGER PRIMARY KEY,
    email      TEXT    NOT NULL UNIQUE, -- the address key
    -- the application's own
    name       TEXT    NOT NULL,
    books_read INTEGER NOT NULL DEFAULT 0,
    -- auth-core's: its row, and the columns for queries
    account_id BLOB    UNIQUE, -- once the address is proven; it never changes
    version    INTEGER NOT NULL,
    account    BLOB    NOT NULL, -- a Row, as auth_core::Stored writes it
    active     INTEGER NOT NULL, -- 1 once the address is proven
    expires    INTEGER
) STRICT;

-- The mails that members are owed: at most one of each purpose waits.
CREATE TABLE IF NOT EXISTS outbox (
    email   TEXT    NOT NULL,
    purpose INTEGER NOT NULL,
    id      BLOB    NOT NULL UNIQUE,
    next    INTEGER, -- when to try it next; NULL after it was given up
    mail    BLOB    NOT NULL, -- a QueuedMail, as auth_core::Stored writes it
    dead    TEXT, -- why it was given up
    died    INTEGER,
    PRIMARY KEY (email, purpose)
) STRICT;

-- The sessions of members who have logged in.
CREATE TABLE IF NOT EXISTS sessions (
    token   BLOB    PRIMARY KEY, -- the SHA-256 of it: who reads this table opens nothing
    account BLOB    NOT NULL, -- the account's id
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    session BLOB    NOT NULL -- a Session, as auth_core::Stored writes it
) STRICT;
CREATE INDEX IF NOT EXISTS sessions_of ON sessions (account, created);
