-- Whether the last mail has left or may have left. Of earlier rows it counts as left when it was due.
ALTER TABLE accounts ADD COLUMN last_mail_left INTEGER NOT NULL DEFAULT 1;
