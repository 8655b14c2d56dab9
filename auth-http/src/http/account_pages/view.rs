//! What a page shows: the values that templates get.

use std::collections::BTreeMap;

use auth_core::Account;
use serde::Serialize;

use super::{form::Form, owner::Action, theme::PageName};
use crate::{http::sessions::ListedSession, rfc3339::rfc3339};

/// The values of a page. What a visitor has typed into a field for passwords or codes is not among them.
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
    /// The way to the folder of the pages.
    pub(super) home: String,
}

/// A refusal.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refused {
    /// The form that was sent.
    pub(super) form: &'static str,
    pub(super) text: String,
    /// When to try again.
    pub(super) wait: Option<String>,
    /// What is wrong with its fields; without a name, with the form.
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

    /// Returns values to try a page's template with: as few as there can be, and each of its forms refused.
    pub(super) fn samples(page: PageName) -> Vec<Self> {
        let own = [page.name()];
        let forms = if page == PageName::Account { &["password", "email", "email-code"][..] } else { &own };
        let asked = Action::ALL.map(Action::name);
        let actions = if page == PageName::Confirm { &asked[..] } else { &[""] };
        let sentences = || vec!["It is wrong.".to_owned()];
        let every_field =
            ["", "email", "password", "new_password", "code", "token"].map(|field| (field, sentences()));
        let refused =
            |form, fields| Refused { form, text: "No.".to_owned(), wait: Some("Wait.".to_owned()), fields };
        let mut all = Vec::new();
        for &action in actions {
            all.push(Self { action, account: Some(AccountView::sample()), ..Self::default() });
            for &form in forms {
                for fields in [BTreeMap::new(), every_field.clone().into_iter().collect()] {
                    all.push(Self {
                        notice: Some("It is done.".to_owned()),
                        refused: Some(refused(form, fields)),
                        values: ["email", "token"].map(|field| (field, "x".to_owned())).into_iter().collect(),
                        next: Some("/".to_owned()),
                        account: Some(AccountView::sample()),
                        sessions: [true, false].map(SessionView::sample).into_iter().collect(),
                        action,
                        home: "./".to_owned(),
                    });
                }
            }
        }
        all
    }
}

impl AccountView {
    fn sample() -> Self {
        let id = "00000000-0000-4000-8000-000000000000".to_owned();
        Self { email: "ada@example.org".to_owned(), id, since: "2026-01-01 00:00 UTC".to_owned() }
    }
}

impl SessionView {
    fn sample(current: bool) -> Self {
        let time = || "2026-01-01 00:00 UTC".to_owned();
        let agent = if current { "Mozilla/5.0".to_owned() } else { String::new() };
        Self {
            id: "0123456789abcdef0123456789abcdef".to_owned(),
            agent,
            created: time(),
            seen: time(),
            current,
        }
    }
}

impl From<&Account> for AccountView {
    fn from(account: &Account) -> Self {
        Self {
            email: account.address.given().to_owned(),
            id: account.id.to_string(),
            since: to_the_minute(&rfc3339(account.since)),
        }
    }
}

impl From<ListedSession> for SessionView {
    fn from(session: ListedSession) -> Self {
        Self {
            id: session.id.0,
            agent: session.user_agent,
            created: to_the_minute(&session.created_at.0),
            seen: to_the_minute(&session.last_seen_at.0),
            current: session.current,
        }
    }
}

/// Returns a time of RFC 3339, in UTC, the same in every language.
fn to_the_minute(time: &str) -> String {
    let minute = time.get(..16).unwrap_or(time);
    format!("{} UTC", minute.replace('T', " "))
}
