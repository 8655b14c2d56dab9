-- One row per address key. Times are microseconds since 1970 on the server's clock.
-- DDL is not transactional here: one statement a file, harmless where it was carried out before.
CREATE TABLE IF NOT EXISTS accounts (
    -- Octets: a collation would take two addresses for one, or ignore blanks at the end.
    address_key        VARBINARY(254) NOT NULL,
    version            BIGINT         NOT NULL,
    status             SMALLINT       NOT NULL CHECK (status IN (0, 1, 2)), -- vacant, pending, active
    address            VARCHAR(512),
    locale             VARCHAR(35),
    password           VARCHAR(255), -- PHC string
    generation         BINARY(16),
    active_since       BIGINT,
    last_mail_due      BIGINT,
    last_mail_distance BIGINT,
    last_notice        BIGINT,
    expires            BIGINT,
    PRIMARY KEY (address_key),
    KEY accounts_expires (expires, status)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
