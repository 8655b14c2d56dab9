//! Harnesses of the embedded adapters: SQLite, in process, development mailer.

use std::{sync::Arc, time::Duration};

use auth_http::{
    adapter::{
        accounts_sqlite::AccountsSqlite, clock::Clock, codes_memory::CodesMemory,
        mail_development::MailDevelopment, mail_templates::MailTemplates,
    },
    port::{Accounts, AccountsDatabase, Codes, Mailbox, Mailer},
};
use tempfile::TempDir;

use super::harness::{AccountsHarness, Arrived, CodesHarness, MailboxHarness, MailerHarness, SERVICE};

/// A database file in its own folder.
pub(super) struct SqliteFile {
    url: String,
    clock: Clock,
    // Closing the last connection locks the file for a moment: this one stays open until the end.
    _open: AccountsSqlite,
    _folder: TempDir,
}

impl AccountsHarness for SqliteFile {
    async fn fresh() -> Self {
        let (folder, clock) = (TempDir::new().unwrap(), Clock::default());
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("contract.db").display());
        let open = connect(&url, &clock).await;
        open.migrate().await.unwrap();
        Self { url, clock, _open: open, _folder: folder }
    }

    async fn open(&self) -> Arc<dyn Accounts> {
        Arc::new(connect(&self.url, &self.clock).await)
    }

    async fn advance(&self, by: Duration) {
        shift(&self.clock, by);
    }
}

/// Opens a file; retries while another connection locks it, as the program does at start.
async fn connect(url: &str, clock: &Clock) -> AccountsSqlite {
    for _ in 0..100 {
        match AccountsSqlite::open(url, clock.clone()).await {
            Ok(store) => return store,
            Err(error) => assert!(error.to_string().contains("locked"), "{error}"),
        }
    }
    panic!("{url} stays locked")
}

/// A database in memory; it lives in one connection, which all handles share.
pub(super) struct SqliteMemory {
    store: AccountsSqlite,
    clock: Clock,
}

impl AccountsHarness for SqliteMemory {
    async fn fresh() -> Self {
        let clock = Clock::default();
        let store = AccountsSqlite::open("sqlite::memory:", clock.clone()).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, clock }
    }

    async fn open(&self) -> Arc<dyn Accounts> {
        Arc::new(self.store.clone())
    }

    async fn advance(&self, by: Duration) {
        shift(&self.clock, by);
    }
}

/// Codes and limits in this process.
pub(super) struct InProcess {
    store: Arc<CodesMemory>,
    clock: Clock,
}

impl CodesHarness for InProcess {
    async fn fresh() -> Self {
        let clock = Clock::default();
        Self { store: Arc::new(CodesMemory::new(clock.clone())), clock }
    }

    async fn open(&self) -> Arc<dyn Codes> {
        Arc::clone(&self.store) as Arc<dyn Codes>
    }

    async fn advance(&self, by: Duration) {
        shift(&self.clock, by);
    }
}

/// The development mailer; mails arrive in its mailbox.
pub(super) struct Development(Arc<MailDevelopment>);

impl MailerHarness for Development {
    async fn fresh() -> Self {
        let templates = MailTemplates::load(None, SERVICE, None).unwrap();
        Self(Arc::new(MailDevelopment::new(templates, Clock::default())))
    }

    fn mailer(&self) -> Arc<dyn Mailer> {
        Arc::clone(&self.0) as Arc<dyn Mailer>
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let mails = self.0.mails().into_iter().rev();
        mails
            .map(|mail| Arrived {
                recipients: vec![mail.to],
                subject: mail.subject,
                text: mail.text,
                html: mail.html,
            })
            .collect()
    }
}

impl MailboxHarness for Development {
    fn mailbox(&self) -> Arc<dyn Mailbox> {
        Arc::clone(&self.0) as Arc<dyn Mailbox>
    }
}

pub(super) fn shift(clock: &Clock, by: Duration) {
    assert_eq!(by.subsec_nanos(), 0, "these clocks move by whole seconds");
    clock.shift(i64::try_from(by.as_secs()).unwrap());
}
