//! What a page shows: the values that templates get.

use std::collections::BTreeMap;

use auth_core::Account;
use serde::Serialize;

use super::form::Form;
use crate::{http::sessions::ListedSession, rfc3339::rfc3339};

/// The values of a page. None of them is a secret: what a visitor has typed into a field for passwords is not shown again.
#[derive(Debug, Default, Serialize)]
pub(super) struct View {
    /// What has been done.
    pub(super) notice: Option<String>,
    /// Why what was asked for has not been done.
    pub(super) refused: Option<Refused>,
    /// What a form is filled in with, by the names of its fields.
    pub(super) values: BTreeMap<&'static str, String>,
    /// Where to go at the end.
    pub(super) next: Option<String>,
    /// The account, and its sessions.
    pub(super) account: Option<AccountView>,
    pub(super) sessions: Vec<SessionView>,
    /// What the password is asked for.
    pub(super) action: &'static str,
    /// The way to the account's page.
    pub(super) home: &'static str,
}

/// A refusal.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    /// The form that was sent.
    pub(super) form: &'static str,
    pub(super) text: String,
    /// When to try again.
    pub(super) wait: Option<String>,
    /// What is wrong with its fields.
    pub(super) fields: BTreeMap<&'static str, Vec<String>>,
}

/// The account of a session.
#[derive(Debug, Serialize)]
pub(super) struct AccountView {
    email: String,
    id: String,
    since: String,
}

/// One of its sessions.
#[derive(Debug, Serialize)]
pub(super) struct SessionView {
    id: String,
    agent: String,
    created: String,
    seen: String,
    current: bool,
}

impl View {
    /// Returns the values of a page that a form leads to.
    pub(super) fn of(form: &Form) -> Self {
        let email = form.text("email").map(|email| ("email", email.to_owned()));
        Self { values: email.into_iter().collect(), next: form.next.clone(), ..Self::default() }
    }

    /// Returns values to try templates with: as few as there can be, and as many.
    pub(super) fn samples() -> [Self; 2] {
        let account = || {
            Some(AccountView {
                email: "ada@example.org".to_owned(),
                id: "00000000-0000-4000-8000-000000000000".to_owned(),
                since: "2026-01-01 00:00 UTC".to_owned(),
            })
        };
        let session = |current| SessionView {
            id: "0123456789abcdef0123456789abcdef".to_owned(),
            agent: if current { "Mozilla/5.0".to_owned() } else { String::new() },
            created: "2026-01-01 00:00 UTC".to_owned(),
            seen: "2026-01-01 00:00 UTC".to_owned(),
            current,
        };
        let few = Self { account: account(), action: "sessions", ..Self::default() };
        let wrong = ["email", "password", "new_password", "code", "token"]
            .map(|field| (field, vec!["It is wrong.".to_owned()]));
        let many = Self {
            notice: Some("It is done.".to_owned()),
            refused: Some(Refused {
                form: "login",
                text: "It is not done.".to_owned(),
                wait: Some("Wait.".to_owned()),
                fields: wrong.into_iter().collect(),
            }),
            values: [("email", "ada@example.org".to_owned())].into_iter().collect(),
            next: Some("/".to_owned()),
            account: account(),
            sessions: [true, false].map(session).into_iter().collect(),
            action: "delete",
            home: "./",
        };
        [few, many]
    }
}

impl From<&Account> for AccountView {
    fn from(account: &Account) -> Self {
        Self {
            email: account.address.given().to_owned(),
            id: account.id.to_string(),
            since: for_people(&rfc3339(account.since)),
        }
    }
}

impl From<ListedSession> for SessionView {
    fn from(session: ListedSession) -> Self {
        Self {
            id: session.id.0,
            agent: session.user_agent,
            created: for_people(&session.created_at.0),
            seen: for_people(&session.last_seen_at.0),
            current: session.current,
        }
    }
}

/// Returns a time of RFC 3339, in UTC, to the minute and the same in every language.
fn for_people(time: &str) -> String {
    let minute = time.get(..16).unwrap_or(time);
    format!("{} UTC", minute.replace('T', " "))
}
