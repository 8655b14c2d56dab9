//! Tests in a real browser: the pages for visitors, the mailbox page, the API page and the playground.

mod accessibility;
mod account_pages;
mod api_page;
mod browser;
mod credentials;
mod mailbox_page;
mod playground;
