-- One row per address key. Times are microseconds since 1970 on the store's clock.
CREATE TABLE accounts (
    address_key        BLOB    NOT NULL PRIMARY KEY,
    version            INTEGER NOT NULL,
    status             INTEGER NOT NULL CHECK (status IN (0, 1, 2)), -- vacant, pending, active
    address            TEXT,
    locale             TEXT,
    password           TEXT, -- PHC string
    generation         BLOB,
    active_since       INTEGER,
    last_mail_due      INTEGER,
    last_mail_distance INTEGER,
    last_notice        INTEGER,
    expires            INTEGER
) STRICT, WITHOUT ROWID;
