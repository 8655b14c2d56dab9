CREATE UNIQUE INDEX outbox_mail_id ON outbox (mail_id);
