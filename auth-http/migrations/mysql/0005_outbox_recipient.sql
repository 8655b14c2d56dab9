-- Whom the mail goes to, where that is not the address of its attempt.
ALTER TABLE outbox ADD COLUMN recipient VARCHAR(512);
