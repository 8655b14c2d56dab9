//! Owns the tests in a real browser: the mailbox page and the API page.

mod api_page;
mod browser;
mod mailbox_page;
