//! The commands over the outbox and expired accounts: `mail list|retry|drop` and `purge`.

use std::sync::Arc;

use auth_core::Rules;
use serde_json::json;

use super::{CommandError, print};
use crate::{
    config::Settings,
    port::{AccountsDatabase, OutboxMail, OutboxState, PortError, Which},
    rfc3339::rfc3339,
    wiring,
};

/// Lists the outbox.
pub(super) async fn list(settings: &Settings, as_json: bool) -> Result<(), CommandError> {
    let mails = open(settings).await?.mails().await.map_err(failed)?;
    if as_json {
        let mails: Vec<_> = mails
            .iter()
            .map(|mail| {
                json!({
                    "id": mail.id.to_string(), "to": recipient(mail), "kind": mail.purpose.name(),
                    "state": state(mail), "attempts": mail.attempts, "next_at": rfc3339(mail.next_at),
                    "last_error": mail.last_error,
                })
            })
            .collect();
        return print(&serde_json::Value::from(mails).to_string());
    }
    if mails.is_empty() {
        return print("the outbox is empty");
    }
    for mail in &mails {
        let error = mail.last_error.as_deref().unwrap_or("-");
        print(&format!(
            "{}  {:<8} {:<10} attempts {:<3} next {}  {}  {error}",
            mail.id,
            state(mail),
            mail.purpose.name(),
            mail.attempts,
            rfc3339(mail.next_at),
            recipient(mail),
        ))?;
    }
    Ok(())
}

/// Makes mails due at once.
pub(super) async fn retry(settings: &Settings, which: Which) -> Result<(), CommandError> {
    let changed = open(settings).await?.retry(&which).await.map_err(failed)?;
    report(changed, &which, "due at once")
}

/// Removes mails.
pub(super) async fn drop_mails(settings: &Settings, which: Which) -> Result<(), CommandError> {
    let changed = open(settings).await?.drop_mails(&which).await.map_err(failed)?;
    report(changed, &which, "dropped")
}

/// Deletes expired pending accounts.
pub(super) async fn purge(settings: &Settings) -> Result<(), CommandError> {
    let deleted = open(settings).await?.purge(Rules::DEAD_LETTER_AGE).await.map_err(failed)?;
    print(&format!("{deleted} expired pending accounts deleted"))
}

async fn open(settings: &Settings) -> Result<Arc<dyn AccountsDatabase>, CommandError> {
    Ok(wiring::migrated(settings, wiring::clock()?).await?)
}

fn report(changed: u64, which: &Which, what: &str) -> Result<(), CommandError> {
    print(&format!("{changed} mails {what}"))?;
    match which {
        Which::Ids(ids) if changed < ids.len() as u64 => Err(CommandError::Refused(
            "some of these mails have gone or are being sent; `mail list` shows what is there".to_owned(),
        )),
        Which::Ids(_) | Which::All => Ok(()),
    }
}

fn failed(error: PortError) -> CommandError {
    CommandError::Refused(format!("the database failed: {error}"))
}

fn recipient(mail: &OutboxMail) -> &str {
    mail.to.as_ref().map_or(mail.key.as_str(), |address| address.given())
}

const fn state(mail: &OutboxMail) -> &'static str {
    match mail.state {
        OutboxState::Waiting => "waiting",
        OutboxState::Leased => "leased",
        OutboxState::Dead => "dead",
    }
}
