//! Owns the tests in a real browser: the mailbox page and the API page.
