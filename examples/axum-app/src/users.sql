-- The club's members. Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS users (
    id                 INTEGER PRIMARY KEY,
    email              TEXT    NOT NULL UNIQUE, -- the address key
    books_read         INTEGER NOT NULL DEFAULT 0, -- the application's own, as the id is
    -- what auth-core keeps of an address
    version            INTEGER NOT NULL,
    status             TEXT    NOT NULL CHECK (status IN ('vacant', 'pending', 'active')),
    address            TEXT, -- as it was typed
    locale             TEXT,
    password           TEXT, -- PHC string
    generation         BLOB,
    active_since       INTEGER,
    last_mail_due      INTEGER,
    last_mail_distance INTEGER,
    last_notice        INTEGER,
    expires            INTEGER
) STRICT;

-- The mails that members are owed: one of each purpose waits at most.
CREATE TABLE IF NOT EXISTS outbox (
    email      TEXT    NOT NULL,
    purpose    INTEGER NOT NULL,
    id         BLOB    NOT NULL UNIQUE,
    generation BLOB    NOT NULL,
    locale     TEXT    NOT NULL,
    due        INTEGER NOT NULL, -- when it was first due
    next       INTEGER NOT NULL, -- when to try it next
    attempts   INTEGER NOT NULL DEFAULT 0,
    unknowns   INTEGER NOT NULL DEFAULT 0,
    dead       TEXT, -- why it was given up
    PRIMARY KEY (email, purpose)
) STRICT;
