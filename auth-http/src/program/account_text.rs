//! How an operator's commands show accounts and what became of them.

use std::fmt::Write;

use auth_core::{AddressKey, Event, Row, Session, Status, WaitingMail, WaitingState};
use serde_json::{Value, json};

use crate::rfc3339::rfc3339;

/// Returns an account or a registration that waits as JSON; `None` where there is neither.
pub(super) fn document(key: &AddressKey, row: &Row) -> Option<Value> {
    let (attempt, id, state, since, moving) = match &row.status {
        Status::Vacant => return None,
        Status::Pending(attempt) => (attempt, None, "pending", None, None),
        Status::Active { attempt, id, since, blocked, moving } => {
            let state = if *blocked { "blocked" } else { "active" };
            (attempt, Some(id.to_string()), state, Some(rfc3339(*since)), moving.as_ref())
        }
    };
    let moving =
        moving.map(|moving| json!({ "email": moving.address.given(), "until": rfc3339(moving.until) }));
    Some(json!({ "id": id, "email": attempt.address.given(), "key": key.as_str(), "state": state,
        "since": since, "moving_to": moving, "language": attempt.locale.as_str(),
        "password": attempt.password.params.to_string(), "expires_at": row.expires.map(rfc3339) }))
}

/// Returns all that is known of an account, as JSON or as lines.
pub(super) fn shown(
    key: &AddressKey,
    row: &Row,
    waiting: &[WaitingMail],
    sessions: &[Session],
    as_json: bool,
) -> String {
    let Some(mut account) = document(key, row) else { return String::new() };
    let due = |mail: &WaitingMail| match mail.state {
        WaitingState::Free { next } => Some(rfc3339(next)),
        WaitingState::Held { .. } => None,
    };
    if as_json {
        let mails = waiting.iter().map(|mail| json!({ "kind": mail.purpose.name(), "due_at": due(mail) }));
        let sessions = sessions.iter().map(|session| {
            json!({ "id": session.id.to_string(), "created_at": rfc3339(session.created),
                "last_seen_at": rfc3339(session.seen), "expires_at": rfc3339(session.expires),
                "user_agent": session.agent.as_str() })
        });
        let (mails, sessions): (Vec<Value>, Vec<Value>) = (mails.collect(), sessions.collect());
        if let Some(fields) = account.as_object_mut() {
            fields.insert("mails".to_owned(), mails.into());
            fields.insert("sessions".to_owned(), sessions.into());
        }
        return account.to_string();
    }
    let text = |name: &str| account.get(name).and_then(Value::as_str);
    let mut lines = text("email").unwrap_or_default().to_owned();
    let mut line = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            // Writing to a string fails for nothing.
            let _ = write!(lines, "\n  {name:<10}{value}");
        }
    };
    line("state", text("state"));
    line("id", text("id"));
    line("since", text("since"));
    line("expires", text("expires_at"));
    line("language", text("language"));
    line("password", text("password"));
    let moving = account.get("moving_to").filter(|moving| !moving.is_null()).map(|moving| {
        let part = |name: &str| moving.get(name).and_then(Value::as_str).unwrap_or_default();
        format!("{} until {}", part("email"), part("until"))
    });
    line("moves to", moving.as_deref());
    for mail in waiting {
        let due = due(mail).unwrap_or_else(|| "being sent".to_owned());
        line("mail", Some(&format!("{:<16} {due}", mail.purpose.name())));
    }
    for session in sessions {
        let (created, seen) = (rfc3339(session.created), rfc3339(session.seen));
        line(
            "session",
            Some(&format!("{} from {created}, seen {seen}  {}", session.id, session.agent.as_str())),
        );
    }
    lines
}

/// What an operator's flow can come to, and how that is said: what was done, or why nothing was.
const ENDINGS: [(Event, Result<&str, &str>); 8] = [
    (Event::AccountBlocked, Ok("blocked, and everything that was proven before is over")),
    (Event::AccountUnblocked, Ok("not blocked any more; its owner logs in again")),
    (Event::LoggedOutEverywhere, Ok("every session is over")),
    (Event::ResetAskedFor, Ok("a mail that sets a new password is on its way")),
    (Event::AccountDeleted, Ok("deleted")),
    (Event::NotActivated, Err("registered and not activated: only `account delete` means something")),
    (Event::Blocked, Err("blocked: lift that first, with `account unblock`")),
    (Event::Contended, Err("others change it at the same time; try again")),
];

/// Returns what was done, or why nothing was.
pub(super) fn ending(event: Event) -> Result<&'static str, &'static str> {
    let ending = ENDINGS.iter().find(|(ended, _)| *ended == event);
    ending.map_or(Err(event.name()), |(_, said)| *said)
}
