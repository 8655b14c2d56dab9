//! How settings become adapters: which technology serves which port.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

#[cfg(feature = "mysql")]
use crate::adapter::accounts_mysql::AccountsMysql;
#[cfg(feature = "sqlite")]
use crate::adapter::accounts_sqlite::AccountsSqlite;
use crate::{
    adapter::{
        authorities, clock::Clock, codes_memory::CodesMemory, codes_redis::CodesRedis,
        hash_threads::HashThreads, mail_development::MailDevelopment, mail_smtp::MailSmtp,
        mail_templates::MailTemplates,
    },
    config::{Database, Settings},
    deadlines, hooks,
    http::AccountPages,
    metrics::Metrics,
    node::StartError,
    port::{AccountsDatabase, Codes, Hasher, Mailbox, Mailer, PortError},
};

/// Returns the clock of the embedded stores.
pub(crate) fn clock() -> Result<Clock, StartError> {
    let clock = Clock::default();
    clock.shift(hooks::clock_shift().map_err(StartError)?);
    Ok(clock)
}

/// Opens the accounts; tries for a while.
pub(crate) async fn accounts(
    settings: &Settings,
    clock: Clock,
) -> Result<Arc<dyn AccountsDatabase>, StartError> {
    let until = Instant::now() + deadlines::DATABASE_AT_START;
    loop {
        let opened: sqlx::Result<Arc<dyn AccountsDatabase>> = match &settings.database {
            #[cfg(feature = "sqlite")]
            Database::Sqlite(url) => AccountsSqlite::open(url, clock.clone()).await.map(|a| Arc::new(a) as _),
            #[cfg(feature = "mysql")]
            Database::Mysql(url) => AccountsMysql::open(url, clock.clone()).await.map(|a| Arc::new(a) as _),
        };
        match opened {
            Ok(accounts) => return Ok(accounts),
            Err(error) if Instant::now() >= until || !passes(&settings.database, &error) => {
                let advice = authorities::advice(&error.to_string());
                let advice = advice.unwrap_or(settings.database.advice());
                return Err(StartError(format!(
                    "the database cannot be opened: {error}; check AUTH_DATABASE_URL, {advice}"
                )));
            }
            Err(error) => {
                tracing::warn!(%error, "the database cannot be opened yet");
                sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// Returns whether an error may go away by itself: a server that is away or starts, a file that
/// another program locks. A file that cannot be opened stays so, and so does a wrong password.
fn passes(database: &Database, error: &sqlx::Error) -> bool {
    let busy = match database {
        #[cfg(feature = "sqlite")]
        Database::Sqlite(_) => {
            error.as_database_error().is_some_and(|error| error.message().contains("locked"))
        }
        #[cfg(feature = "mysql")]
        Database::Mysql(_) => AccountsMysql::is_busy(error),
    };
    busy || matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::Io(_))
}

/// Opens accounts whose schema is this version's.
pub(crate) async fn migrated(
    settings: &Settings,
    clock: Clock,
) -> Result<Arc<dyn AccountsDatabase>, StartError> {
    let accounts = accounts(settings, clock).await?;
    require_schema(accounts.as_ref()).await?;
    Ok(accounts)
}

/// Refuses a schema that is not this version's.
pub(crate) async fn require_schema(accounts: &dyn AccountsDatabase) -> Result<(), StartError> {
    match accounts.is_migrated().await {
        Ok(true) => Ok(()),
        Ok(false) => Err(StartError(
            "the database does not have this version's schema; run `auth-http migrate`".to_owned(),
        )),
        Err(error) => Err(StartError(format!("the database does not answer: {error}"))),
    }
}

/// Takes the database for this server, where no two may share one.
pub(crate) async fn claim(accounts: &dyn AccountsDatabase) -> Result<(), StartError> {
    accounts.claim().await.map_err(|error| StartError(format!("AUTH_DATABASE_URL: {}", error.source)))
}

/// Brings the schema up to date.
pub(crate) async fn migrate(accounts: &dyn AccountsDatabase) -> Result<(), StartError> {
    accounts.migrate().await.map_err(unmigrated)
}

fn unmigrated(error: PortError) -> StartError {
    StartError(format!(
        "the schema could not be brought up to date: {error}; is the database one of a later version, or another \
         program's?"
    ))
}

/// Starts the threads that compute hashes.
pub(crate) fn hasher(settings: &Settings, metrics: &Metrics) -> Result<Arc<dyn Hasher>, StartError> {
    let hasher = HashThreads::start(settings.hash_workers, settings.hash_queue, metrics.hash_times());
    Ok(Arc::new(
        hasher.map_err(|error| StartError(format!("AUTH_HASH_WORKERS: no threads for hashing: {error}")))?,
    ))
}

/// Opens codes and limits. Redis need not be there yet: what needs it fails closed until it is.
pub(crate) fn codes(settings: &Settings, clock: Clock) -> Result<Arc<dyn Codes>, StartError> {
    let Some(server) = &settings.redis else { return Ok(Arc::new(CodesMemory::new(clock))) };
    let codes = CodesRedis::open(server, clock);
    Ok(Arc::new(codes.map_err(|error| StartError(format!("AUTH_REDIS_URL: {error}")))?))
}

/// The way for mails, and what has been sent on it where a person may look.
type Mailing = (Arc<dyn Mailer>, Option<Arc<dyn Mailbox>>);

/// Opens the way for mails, and the page that shows them where nothing is sent.
pub(crate) fn mailer(
    settings: &Settings,
    templates: MailTemplates,
    clock: Clock,
) -> Result<Mailing, StartError> {
    let Some(server) = &settings.smtp else {
        let mailer = Arc::new(MailDevelopment::new(templates, clock));
        return Ok((Arc::clone(&mailer) as _, Some(mailer)));
    };
    let mailer = MailSmtp::open(server, settings.mail_pace.at_once, templates, clock);
    Ok((Arc::new(mailer.map_err(|error| StartError(format!("AUTH_SMTP_URL: {error}")))?), None))
}

/// Loads the templates.
pub(crate) fn templates(settings: &Settings) -> Result<MailTemplates, StartError> {
    let (folder, service) = (settings.mail_templates.as_deref(), &settings.service_name);
    MailTemplates::load(folder, service, settings.reset_url.clone())
        .map_err(|error| StartError(format!("AUTH_MAIL_TEMPLATES: {error}")))
}

/// Loads the pages for visitors, if there are to be pages.
pub(crate) fn pages(settings: &Settings) -> Result<Option<AccountPages>, StartError> {
    let load = |cookies| {
        let (folder, policy) = (settings.page_templates.as_deref(), settings.rules.policy());
        AccountPages::load(folder, &settings.service_name, policy, cookies)
            .map_err(|error| StartError(format!("AUTH_PAGE_TEMPLATES: {error}")))
    };
    settings.pages.clone().map(load).transpose()
}
