//! Tests in a real browser: the mailbox page, the API page and the playground.

mod api_page;
mod browser;
mod credentials;
mod mailbox_page;
mod playground;
