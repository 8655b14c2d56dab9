-- One row per address and purpose: a newer mail takes the place of a waiting one.
CREATE TABLE outbox (
    address_key BLOB    NOT NULL,
    purpose     INTEGER NOT NULL,
    mail_id     BLOB    NOT NULL,
    generation  BLOB    NOT NULL,
    locale      TEXT    NOT NULL,
    due         INTEGER NOT NULL, -- when it was first due
    next_at     INTEGER NOT NULL, -- when it may be leased; the lease's end while it is held
    attempts    INTEGER NOT NULL DEFAULT 0,
    unknowns    INTEGER NOT NULL DEFAULT 0,
    lease       BLOB,
    dead_since  INTEGER,
    last_error  TEXT,
    PRIMARY KEY (address_key, purpose)
) STRICT, WITHOUT ROWID;
