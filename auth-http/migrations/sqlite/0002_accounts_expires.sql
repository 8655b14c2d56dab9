CREATE INDEX accounts_expires ON accounts (expires) WHERE expires IS NOT NULL;
