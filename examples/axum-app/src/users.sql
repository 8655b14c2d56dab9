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
    last_mail_interval INTEGER,
    last_mail_left     INTEGER NOT NULL DEFAULT 1,
    last_notice        INTEGER,
    expires            INTEGER
) STRICT;

-- The mails that members are owed: one of each purpose waits at most.
CREATE TABLE IF NOT EXISTS outbox (
    email   TEXT    NOT NULL,
    purpose INTEGER NOT NULL,
    id      BLOB    NOT NULL UNIQUE,
    next    INTEGER, -- when to try it next; NULL once it was given up
    mail    TEXT    NOT NULL, -- auth-core's QueuedMail as JSON
    dead    TEXT, -- why it was given up
    died    INTEGER,
    PRIMARY KEY (email, purpose)
) STRICT;
