//! The outbox worker: it leases due mails, runs Deliver for each, and keeps the leases alive.
//!
//! It decides nothing of a mail; the flow does. It wakes at once when this node enqueues, and
//! looks by itself for what other nodes left or dropped.

use std::{collections::HashMap, sync::Arc, time::Duration};

use auth_core::{Deliver, Lease, LeasedMail, Rules, Settled};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{deadlines, driver::Driver};

/// How long to collect room for further mails, so that one call leases several.
const COLLECT: Duration = Duration::from_millis(20);
/// How often to look without being woken.
const POLL: Duration = Duration::from_secs(1);
/// How often expired rows are deleted.
const PURGE: Duration = Duration::from_secs(600);

/// How fast a node sends mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailPace {
    /// Mails begun per second.
    pub per_second: u32,
    /// Mails under way at the same time, each on a connection of its own.
    pub at_once: usize,
}

/// Delivers mails until told to end, then gives its leases back.
pub async fn run(driver: Arc<Driver>, pace: MailPace, end: CancellationToken) {
    let (deliveries, leases, now) = (JoinSet::new(), HashMap::new(), Instant::now());
    let mut worker = Worker { driver, pace, deliveries, leases, not_before: now, looked: now };
    let mut purged = None::<Instant>;
    while !end.is_cancelled() {
        if purged.is_none_or(|at| at.elapsed() >= PURGE) {
            purge(&worker.driver).await;
            purged = Some(Instant::now());
        }
        let wait = worker.begin_due().await;
        tokio::select! {
            () = end.cancelled() => {}
            () = worker.driver.wake.notified() => {}
            Some(ended) = worker.deliveries.join_next_with_id() => worker.ended(ended),
            () = sleep(wait) => {}
        }
    }
    worker.farewell().await;
}

struct Worker {
    driver: Arc<Driver>,
    pace: MailPace,
    deliveries: JoinSet<()>,
    leases: HashMap<Id, Lease>,
    /// When the rate allows the next mail to begin.
    not_before: Instant,
    /// When it last looked for mails.
    looked: Instant,
}

impl Worker {
    /// Begins what is due; returns how long to wait before looking again.
    async fn begin_due(&mut self) -> Duration {
        while let Some(ended) = self.deliveries.try_join_next_with_id() {
            self.ended(ended);
        }
        let early = self.not_before.saturating_duration_since(Instant::now());
        let room = self.pace.at_once.saturating_sub(self.deliveries.len());
        if room == 0 || !early.is_zero() {
            return if room == 0 { POLL } else { early };
        }
        let collecting = COLLECT.saturating_sub(self.looked.elapsed());
        if room < self.pace.at_once / 2 && !collecting.is_zero() {
            return collecting;
        }
        self.looked = Instant::now();
        // No more than a tenth of a second's mails: a full outbox must not look like an attack to the mail server.
        let most = u32::try_from(room).unwrap_or(u32::MAX).min(self.pace.per_second.div_ceil(10));
        let accounts = &self.driver.ports.accounts;
        let leased = timeout(deadlines::EFFECT, accounts.lease(most, deadlines::LEASE)).await;
        let mails = match leased {
            Ok(Ok(mails)) => mails,
            Ok(Err(error)) => {
                tracing::warn!(%error, "no mails could be leased");
                return POLL;
            }
            Err(_) => {
                tracing::warn!("no mails could be leased in time");
                return POLL;
            }
        };
        let begun = u32::try_from(mails.len()).unwrap_or(1);
        for mail in mails {
            let lease = mail.lease;
            let span = tracing::info_span!("deliver", mail = %lease.mail, purpose = mail.mail.purpose.name());
            let delivery = deliver(Arc::clone(&self.driver), mail).instrument(span);
            let id = self.deliveries.spawn(delivery).id();
            self.leases.insert(id, lease);
        }
        if begun > 0 {
            let pause = Duration::from_secs(1) * begun / self.pace.per_second;
            self.not_before = Instant::now() + pause;
            return pause;
        }
        match timeout(deadlines::EFFECT, accounts.next_due()).await {
            Ok(Ok(Some(wait))) => wait.clamp(Duration::from_millis(5), POLL),
            Ok(Ok(None) | Err(_)) | Err(_) => POLL,
        }
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(panicked = error.is_panic(), "a delivery ended in the middle");
                error.id()
            }
        };
        self.leases.remove(&id);
    }

    /// Waits briefly for deliveries, abandons the rest, and gives leases back.
    async fn farewell(mut self) {
        self.finish(deadlines::LAST_MAILS).await;
        // Threat: a mail that the server takes after all, and that another node sends at once. Given up,
        // its outcome is unknown, and the flow puts it off for as long as such mails wait.
        self.driver.give_up_sending();
        self.finish(deadlines::LAST_SETTLEMENTS).await;
        self.deliveries.abort_all();
        for lease in self.leases.values() {
            if let Ok(Err(error)) =
                timeout(deadlines::EFFECT, self.driver.ports.accounts.release(lease)).await
            {
                tracing::warn!(%error, mail = %lease.mail, "a lease could not be given back; it runs out");
            }
        }
    }

    async fn finish(&mut self, within: Duration) {
        let soon = Instant::now() + within;
        while let Ok(Some(ended)) = timeout_at(soon, self.deliveries.join_next_with_id()).await {
            self.ended(ended);
        }
    }
}

/// Runs the flow, and renews the lease until it has ended.
async fn deliver(driver: Arc<Driver>, leased: LeasedMail) {
    let accounts = Arc::clone(&driver.ports.accounts);
    let lease = leased.lease;
    let flow = driver.work(Deliver { leased });
    tokio::pin!(flow);
    loop {
        tokio::select! {
            ended = &mut flow => {
                match ended {
                    Ok(event) => tracing::info!(event = event.name(), "delivery"),
                    Err(broken) => tracing::warn!(effect = broken.kind.name(), "delivery broken off; its lease runs out"),
                }
                return;
            }
            () = sleep(deadlines::RENEWAL) => match timeout(deadlines::EFFECT, accounts.renew(&lease, deadlines::LEASE)).await {
                // A newer mail has the row now. The flow will find out when it settles.
                Ok(Ok(Settled::Settled | Settled::Lost)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a lease could not be renewed"),
                Err(_) => tracing::warn!("a lease could not be renewed in time"),
            },
        }
    }
}

async fn purge(driver: &Driver) {
    match timeout(deadlines::EFFECT, driver.ports.accounts.purge(Rules::DEAD_LETTER_AGE)).await {
        Ok(Ok(0)) => {}
        Ok(Ok(accounts)) => tracing::info!(accounts, "expired pending accounts deleted"),
        Ok(Err(error)) => tracing::warn!(%error, "expired rows could not be deleted"),
        Err(_) => tracing::warn!("expired rows could not be deleted in time"),
    }
}
