//! Owns how settings become adapters: which technology serves which port.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{Failure, print};
use crate::{
    adapter::{accounts_sqlite::AccountsSqlite, clock::Clock, mail_templates::MailTemplates},
    config::{Database, Settings},
    hooks,
};

/// How long a database that is away is tried at start.
const AWAY: Duration = Duration::from_secs(10);

/// Returns the clock of the embedded stores.
pub(super) fn clock() -> Result<Clock, Failure> {
    let clock = Clock::default();
    clock.shift(hooks::clock_shift().map_err(Failure::Refused)?);
    Ok(clock)
}

/// Opens the accounts; tries for a while.
pub(super) async fn accounts(settings: &Settings, clock: Clock) -> Result<Arc<AccountsSqlite>, Failure> {
    let Database::Sqlite(url) = &settings.database;
    let until = Instant::now() + AWAY;
    loop {
        match AccountsSqlite::open(url, clock.clone()).await {
            Ok(accounts) => return Ok(Arc::new(accounts)),
            Err(error) if Instant::now() >= until || !passes(&error) => {
                return Err(Failure::Refused(format!(
                    "the database cannot be opened: {error}; check AUTH_DATABASE_URL, and that its folder \
                     exists and can be written"
                )));
            }
            Err(error) => {
                tracing::warn!(%error, "the database cannot be opened yet");
                sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// Tells whether an error may go away by itself. A file that cannot be opened stays so.
fn passes(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut)
        || matches!(error, sqlx::Error::Database(database) if database.message().contains("locked"))
}

/// Opens accounts whose schema is this version's.
pub(super) async fn migrated(settings: &Settings, clock: Clock) -> Result<Arc<AccountsSqlite>, Failure> {
    let accounts = accounts(settings, clock).await?;
    match accounts.is_migrated().await {
        Ok(true) => Ok(accounts),
        Ok(false) => Err(Failure::Refused(
            "the database has not this version's schema; run `auth-http migrate`".to_owned(),
        )),
        Err(error) => Err(Failure::Refused(format!("the database does not answer: {error}"))),
    }
}

/// Brings the schema up to date.
pub(super) async fn migrate(settings: &Settings) -> Result<(), Failure> {
    let accounts = accounts(settings, clock()?).await?;
    accounts.migrate().await.map_err(migration)?;
    accounts.close().await;
    print("the schema is up to date")
}

/// Says why migrations failed.
pub(super) fn migration(error: sqlx::migrate::MigrateError) -> Failure {
    Failure::Refused(format!(
        "the schema could not be brought up to date: {error}; is the database one of a later version, or another \
         program's?"
    ))
}

/// Loads the templates.
pub(super) fn templates(settings: &Settings) -> Result<MailTemplates, Failure> {
    MailTemplates::load(settings.mail_templates.as_deref(), &settings.service_name)
        .map_err(|error| Failure::Refused(format!("AUTH_MAIL_TEMPLATES: {error}")))
}
