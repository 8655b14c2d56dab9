-- One row per address and purpose: a newer mail takes the place of a waiting one.
CREATE TABLE IF NOT EXISTS outbox (
    address_key VARBINARY(254) NOT NULL,
    purpose     SMALLINT       NOT NULL,
    mail_id     BINARY(16)     NOT NULL,
    generation  BINARY(16)     NOT NULL,
    locale      VARCHAR(35)    NOT NULL,
    due         BIGINT         NOT NULL, -- when it was first due
    next_at     BIGINT         NOT NULL, -- when it may be leased; the lease's end while it is held
    attempts    INT            NOT NULL DEFAULT 0,
    unknowns    INT            NOT NULL DEFAULT 0,
    lease       BINARY(16),
    dead_since  BIGINT,
    last_error  VARCHAR(255),
    PRIMARY KEY (address_key, purpose),
    -- Leases lock what they read on the way: this index leads them to due mails alone.
    KEY outbox_next (dead_since, next_at),
    -- Not unique: REPLACE would delete another address' row on a collision.
    KEY outbox_mail_id (mail_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
