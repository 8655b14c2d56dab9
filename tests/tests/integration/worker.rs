//! The worker with a slow mail server.
//!
//! The mailer here hangs until it is told to continue; everything else is the embedded default.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_core::{
    Address, Client, CodeKey, CodeKeys, Estimate, HashFloor, Locale, Password, Policy, Register, Rules,
    Scrypt, Secret, SendMail, Sending,
};
use auth_http::{
    adapter::{
        accounts_sqlite::AccountsSqlite, clock::Clock, codes_memory::CodesMemory, hash_threads::HashThreads,
    },
    driver::{Driver, Ports},
    hooks::Hooks,
    metrics::Metrics,
    port::{self, Accounts, AccountsDatabase, Finding, Mailer, Outbox, OutboxState},
    visitor::{About, Visitor},
    worker::{self, MailPace},
};
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// The limit for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Hangs(Semaphore);

#[async_trait]
impl Mailer for Hangs {
    async fn send(&self, _order: &SendMail) -> port::Result<Sending> {
        let _until_told = self.0.acquire().await;
        Ok(Sending::Accepted)
    }

    async fn examine(&self) -> Vec<Finding> {
        Vec::new()
    }
}

struct WorkingNode {
    accounts: Arc<AccountsSqlite>,
    clock: Clock,
    mailer: Arc<Hangs>,
    end: CancellationToken,
    worker: JoinHandle<()>,
}

/// Starts a worker, and registers an address whose mail the worker then holds.
async fn with_a_mail_under_way() -> WorkingNode {
    let clock = Clock::default();
    let accounts = Arc::new(AccountsSqlite::open("sqlite::memory:", clock.clone()).await.unwrap());
    accounts.migrate().await.unwrap();
    let mailer = Arc::new(Hangs(Semaphore::new(0)));
    let metrics = Metrics::default();
    let ports = Ports {
        accounts: Arc::clone(&accounts) as Arc<dyn Accounts>,
        codes: Arc::new(CodesMemory::new(clock.clone())),
        mailer: Arc::clone(&mailer) as Arc<dyn Mailer>,
        hasher: Arc::new(HashThreads::start(1, 4, metrics.hash_times()).unwrap()),
    };
    let hash = Scrypt { log2_n: 4, r: 8, p: 1 }.into();
    let policy = Policy { hash, hash_floor: HashFloor::NONE, ..Policy::default() };
    let keys = CodeKeys::new([CodeKey::new(Secret::new([7; 32]))]).unwrap();
    let driver = Arc::new(Driver::new(Rules::new(policy, keys).unwrap(), ports, metrics, Hooks::default()));
    let end = CancellationToken::new();
    let pace = MailPace { per_second: 100, at_once: 8 };
    let worker = tokio::spawn(worker::run(Arc::clone(&driver), pace, end.clone()));

    let client = Client::of([127, 0, 0, 1].into());
    let password = Password::parse("correct horse battery staple").unwrap();
    let flow = Register {
        address: Address::parse("ada@example.org").unwrap(),
        verdict: driver.rules.policy().password.judge(&password, Estimate { score: 4, common: false }),
        client,
        locale: Locale::parse("en").unwrap(),
    };
    let about = About::Address(String::new());
    let visitor =
        Visitor { client, password: Some(password), new_password: None, about, from: String::new() };
    driver.visit(flow, visitor).await.unwrap();
    let node = WorkingNode { accounts, clock, mailer, end, worker };
    node.until(|mail| mail.is_some_and(|(state, _)| state == OutboxState::Leased)).await;
    node
}

impl WorkingNode {
    /// Asks for the one mail until its state and the end of its lease are as expected.
    async fn until(&self, wanted: impl Fn(Option<(OutboxState, u64)>) -> bool) -> Option<(OutboxState, u64)> {
        let end = Instant::now() + PATIENCE;
        loop {
            let mails = self.accounts.mails().await.unwrap();
            let mail = mails.first().map(|mail| (mail.state, mail.next_at.as_micros()));
            if wanted(mail) {
                return mail;
            }
            assert!(Instant::now() < end, "waited in vain; the mail is {mail:?}");
            tokio::time::sleep(Duration::from_millis(20)).await; // polling interval
        }
    }
}

#[tokio::test]
async fn lease_is_renewed_while_its_worker_lives() {
    let host = with_a_mail_under_way().await;
    for _ in 0..3 {
        // Half of a lease passes; the worker renews it before the rest runs out.
        let (_, ends) = host.until(|mail| mail.is_some()).await.unwrap();
        host.clock.shift(3);
        host.until(|mail| mail.is_some_and(|(_, later)| later > ends + 2_000_000)).await;
        let taken = host.accounts.lease(1, Duration::from_secs(1)).await.unwrap();
        assert!(taken.is_empty(), "nobody else gets it");
    }
    host.mailer.0.add_permits(1);
    host.until(|mail| mail.is_none()).await;
    host.end.cancel();
    timeout(PATIENCE, host.worker).await.unwrap().unwrap();
}

#[tokio::test]
async fn conversation_that_lasts_is_given_up_at_the_end_and_its_mail_put_off() {
    let host = with_a_mail_under_way().await;
    host.end.cancel();
    timeout(Duration::from_secs(10), host.worker).await.expect("it does not wait for the server").unwrap();
    let soon = host.accounts.lease(1, Duration::from_secs(1)).await.unwrap();
    assert!(soon.is_empty(), "the server may have taken it after all");
    host.clock.shift(600);
    let taken = host.accounts.lease(1, Duration::from_secs(1)).await.unwrap();
    assert_eq!(taken.len(), 1, "ten minutes later another worker gets it");
    assert_eq!(taken[0].unknowns, 1, "and knows that it may have been sent");
}
