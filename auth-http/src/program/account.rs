//! The commands over accounts, but for `import`. What changes one is a flow with an audit event, as a visitor's requests
//! are.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use auth_core::{
    AccountId, Action, Address, AddressKey, Administer, Broken, Event, Flow, Purpose, Row, Status,
    WaitingState,
};
use serde_json::{Value, json};

use super::{
    CommandError,
    account_text::{document, ending, shown},
    print,
};
use crate::{
    config::Settings,
    driver::{Driver, Ports},
    hooks::Hooks,
    metrics::Metrics,
    node::StartError,
    port::{Accounts, AccountsDatabase, PortError},
    rfc3339::rfc3339,
    visitor::{About, audit, pseudonym},
    wiring,
};

/// Whom a command is about.
#[derive(Clone, Debug)]
pub(super) enum Who {
    Address(Address),
    Id(AccountId),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(address.given()),
            Self::Id(id) => id.fmt(f),
        }
    }
}

/// Rows that are read at once.
const PAGE: u32 = 500;
/// How often an account that moves to another address meanwhile is looked up again.
const LOOKS: usize = 3;

/// Shows an account, or a registration that waits.
pub(super) async fn show(settings: Settings, who: &Who, as_json: bool) -> Result<(), CommandError> {
    let accounts = wiring::migrated(&settings, wiring::clock()?).await?;
    let (key, row) = find(accounts.as_ref(), who).await?;
    let waiting = accounts.find(&key).await.map_err(failed)?.waiting;
    let sessions = match &row.status {
        Status::Active { id, attempt, .. } => {
            let (now, all) = accounts.sessions(*id).await.map_err(failed)?;
            let counts = |session: &auth_core::Session| {
                session.is_alive(*id, attempt.generation, now, &settings.rules)
            };
            all.into_iter().filter(counts).collect()
        }
        Status::Pending(_) | Status::Vacant => Vec::new(),
    };
    print(&shown(&key, &row, &waiting, &sessions, as_json))
}

/// Lists all accounts and registrations that wait, a line each.
pub(super) async fn list(settings: Settings, as_json: bool) -> Result<(), CommandError> {
    let accounts = wiring::migrated(&settings, wiring::clock()?).await?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut after: Option<AddressKey> = None;
    loop {
        let page = accounts.accounts(after.as_ref(), PAGE).await.map_err(failed)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        let now = accounts.find(last).await.map_err(failed)?.now;
        for (key, row) in page {
            let Some(account) = document(&key, &Row::at(Some(&row), now)) else { continue };
            if as_json {
                writeln!(out, "{account}")?;
            } else {
                let text = |name: &str| account.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
                let (id, state, since) = (text("id"), text("state"), text("since"));
                writeln!(out, "{id:<36}  {state:<8}  {since:<27}  {}", text("email"))?;
            }
        }
        out.flush()?;
    }
    out.flush()?;
    Ok(())
}

/// Does something with one account.
pub(super) async fn act(
    settings: Settings,
    who: &Who,
    action: Action,
    as_json: bool,
    yes: bool,
) -> Result<(), CommandError> {
    let operator = Operator::open(settings).await?;
    let done = operator.act(who, action, as_json, yes).await;
    operator.close().await;
    print(&done?)
}

/// Ends every session of every account.
pub(super) async fn logout_all(settings: Settings, as_json: bool) -> Result<(), CommandError> {
    let operator = Operator::open(settings).await?;
    let done = operator.logout_all().await;
    operator.close().await;
    let accounts = done?;
    if as_json {
        return print(&json!({ "accounts": accounts }).to_string());
    }
    print(&format!("every session of {accounts} accounts is over"))
}

/// What runs an operator's flows.
pub(super) struct Operator {
    accounts: Arc<dyn AccountsDatabase>,
    driver: Arc<Driver>,
    log_key: [u8; 32],
}

impl Operator {
    pub(super) async fn open(settings: Settings) -> Result<Self, CommandError> {
        let clock = wiring::clock()?;
        let metrics = Metrics::default();
        let hasher = wiring::hasher(&settings, &metrics)?;
        let (mailer, _) = wiring::mailer(&settings, wiring::templates(&settings)?, clock.clone())?;
        let codes = wiring::codes(&settings, clock.clone())?;
        let hooks = Hooks::from_environment().map_err(StartError)?;
        let accounts = wiring::migrated(&settings, clock).await?;
        let ports = Ports { accounts: Arc::clone(&accounts) as Arc<dyn Accounts>, codes, mailer, hasher };
        let driver = Arc::new(Driver::new(settings.rules, ports, metrics, hooks));
        Ok(Self { accounts, driver, log_key: settings.log_key })
    }

    pub(super) async fn close(&self) {
        self.driver.finish_writes().await;
        self.accounts.close().await;
    }

    /// Returns what to print.
    async fn act(&self, who: &Who, action: Action, as_json: bool, yes: bool) -> Result<String, CommandError> {
        let mut asked = yes;
        for _ in 0..LOOKS {
            let (key, row) = find(self.accounts.as_ref(), who).await?;
            let Some(known) = document(&key, &row) else { break };
            if action == Action::Delete && !asked {
                confirm(&known)?;
                // Meanwhile a registration may have become an account, or somebody else's: what was shown is deleted.
                let (_, now) = find(self.accounts.as_ref(), who).await?;
                asked = (now.identity(), state(&now)) == (row.identity(), state(&row));
                if !asked {
                    continue;
                }
            }
            let event = self.administer(&key, &row, action).await?;
            // Another address leads to it by now, or nobody has it.
            if event == Event::NoAccount {
                continue;
            }
            let said = ending(event).map_err(|why| CommandError::Refused(format!("{who}: {why}")))?;
            let due = if event == Event::ResetAskedFor { self.due(&key).await? } else { None };
            return Ok(if as_json {
                let (id, email) = (known.get("id"), known.get("email"));
                json!({ "id": id, "email": email, "event": event.name(), "mail_due": due }).to_string()
            } else {
                let due = due.map(|due| format!(", due at {due}")).unwrap_or_default();
                let email = known.get("email").and_then(Value::as_str).unwrap_or_default();
                format!("{email}: {said}{due}")
            });
        }
        Err(nobody(who))
    }

    /// Goes by their ids: an account that moves to another address meanwhile keeps its place. What fails with one account
    /// keeps no other from being logged out.
    async fn logout_all(&self) -> Result<u64, CommandError> {
        let (mut after, mut ended, mut failed) = (None, 0, 0);
        loop {
            let page = self.accounts.active(after, PAGE).await.map_err(self::failed)?;
            if page.is_empty() {
                break;
            }
            for (key, row) in page {
                let Status::Active { id, .. } = row.status else { continue };
                after = Some(id);
                match self.logout(id, key, row).await {
                    Ok(there) => ended += u64::from(there),
                    Err(error) => {
                        // Where standard error is closed, nobody listens.
                        let _ = writeln!(io::stderr(), "{error}");
                        failed += 1;
                    }
                }
            }
        }
        if failed > 0 {
            return Err(CommandError::Refused(format!(
                "{ended} accounts are logged out, {failed} are not; do it again"
            )));
        }
        Ok(ended)
    }

    /// Ends every session of an account, at whichever address it is by now; returns whether it is there.
    async fn logout(&self, id: AccountId, mut key: AddressKey, mut row: Row) -> Result<bool, CommandError> {
        for _ in 0..LOOKS {
            let event = self.administer(&key, &row, Action::Logout).await?;
            if event != Event::NoAccount {
                let refused = |why| CommandError::Refused(format!("{id}: {why}; this can be done again"));
                return ending(event).map(|_| true).map_err(refused);
            }
            let Some(found) = self.accounts.account(id).await.map_err(failed)? else { return Ok(false) };
            (key, row) = found;
        }
        Err(nobody(&Who::Id(id)))
    }

    async fn administer(&self, key: &AddressKey, row: &Row, action: Action) -> Result<Event, CommandError> {
        let address = match &row.status {
            Status::Active { attempt, .. } | Status::Pending(attempt) => attempt.address.clone(),
            Status::Vacant => return Ok(Event::NoAccount),
        };
        self.run(key, Administer { address, account: row.identity(), action }).await
    }

    /// Runs a flow of the operator's as far as it only reads; returns nothing where it would write.
    pub(super) async fn rehearse<F: Flow<Outcome = Event>>(
        &self,
        flow: F,
    ) -> Result<Option<Event>, CommandError> {
        self.driver.rehearse(flow).await.map_err(failed_at)
    }

    /// Runs a flow of the operator's, and audits it.
    pub(super) async fn run<F: Flow<Outcome = Event>>(
        &self,
        key: &AddressKey,
        flow: F,
    ) -> Result<Event, CommandError> {
        let event = self.driver.work(flow).await.map_err(failed_at)?;
        let about = About::Address(pseudonym(&self.log_key, key.as_str().as_bytes()));
        audit(F::NAME, event, &about, "operator");
        Ok(event)
    }

    /// Returns when the mail that resets a password is due; `None` if a worker was faster.
    async fn due(&self, key: &AddressKey) -> Result<Option<String>, CommandError> {
        let waiting = self.accounts.find(key).await.map_err(failed)?.waiting;
        Ok(waiting.iter().find(|mail| mail.purpose == Purpose::Reset).and_then(|mail| match mail.state {
            WaitingState::Free { next } => Some(rfc3339(next)),
            WaitingState::Held { .. } => None,
        }))
    }
}

/// Finds an account, or a registration that waits.
async fn find(accounts: &dyn AccountsDatabase, who: &Who) -> Result<(AddressKey, Row), CommandError> {
    let found = match who {
        Who::Id(id) => accounts.account(*id).await.map_err(failed)?,
        Who::Address(address) => {
            let found = accounts.find(address.key()).await.map_err(failed)?;
            Some((address.key().clone(), Row::at(found.row.as_ref().map(|(_, row)| row), found.now)))
        }
    };
    found.filter(|(_, row)| !matches!(row.status, Status::Vacant)).ok_or_else(|| nobody(who))
}

fn state(row: &Row) -> std::mem::Discriminant<Status> {
    std::mem::discriminant(&row.status)
}

fn nobody(who: &Who) -> CommandError {
    CommandError::Refused(format!("{who}: no account; `account list` shows all"))
}

fn failed(error: PortError) -> CommandError {
    CommandError::Refused(format!("the database failed: {error}"))
}

fn failed_at(broken: Broken) -> CommandError {
    CommandError::Refused(format!(
        "the database failed ({}, {:?}); see the log, then try again: that harms nothing",
        broken.kind.name(),
        broken.fault
    ))
}

/// Asks on the terminal whether to delete what was found.
fn confirm(known: &Value) -> Result<(), CommandError> {
    if !io::stdin().is_terminal() {
        return Err(CommandError::Refused(
            "there is no terminal to ask on: say --yes to delete it".to_owned(),
        ));
    }
    let text = |name: &str| known.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    let mut err = io::stderr();
    write!(err, "Delete {} ({}, id {})? [y/N] ", text("email"), text("state"), text("id"))?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(CommandError::Refused("nothing was deleted".to_owned())),
    }
}
