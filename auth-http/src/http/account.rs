//! How answers show an account.

use auth_core::Account;
use poem_openapi::Object;

use super::schema::{AccountIdText, EmailText, TimeText};
use crate::rfc3339::rfc3339;

/// An active account.
#[derive(Object)]
#[oai(rename = "Account")]
pub(super) struct AccountDocument {
    /// What it is known by: it never changes, whatever becomes of the address.
    id: AccountIdText,
    /// Its address, as it was last given.
    email: EmailText,
    /// When it was activated.
    since: TimeText,
}

impl From<Account> for AccountDocument {
    fn from(account: Account) -> Self {
        Self {
            id: AccountIdText(account.id.to_string()),
            email: EmailText(account.address.given().to_owned()),
            since: TimeText(rfc3339(account.since)),
        }
    }
}
