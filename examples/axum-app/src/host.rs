//! The loop: takes effects, has them carried out, and answers.
//!
//! It decides nothing. Next: `users.rs` and `mailer.rs`, which carry out effects.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use auth_core::{
    Answered, Deliver, Effect, Ended, Fault, Flow, HashPassword, Hashed, Hashing, MemoryCodes, Password,
    Rules, Run, Scrypt, Secret, Seed, Time,
};
use tokio::{
    sync::{Notify, Semaphore},
    task::{JoinError, spawn_blocking},
    time::{Instant, interval, timeout},
};

use crate::{mailer::Mailer, users::Users};

/// The number of hashes at a time; each takes 128 MiB.
const HASHES: usize = 2;
/// The number of hashes that may wait for their turn; further ones are rejected at once.
const HASHES_WAITING: usize = 16;
/// How long a hash waits for its turn before the visitor is asked to try again.
const HASH_PATIENCE: Duration = Duration::from_secs(8);

/// The number of slots, and of clients, in the code store.
const ROOM: usize = 100_000;

/// A visitor's input that no flow carries.
#[derive(Default)]
pub struct Extra {
    pub password: Option<Arc<Password>>,
    pub name: Option<String>,
}

pub struct Host {
    pub rules: Rules,
    pub users: Users,
    /// A restart loses codes and rate limits: a visitor who waits for a code asks for another mail.
    codes: Mutex<MemoryCodes>,
    began: Instant,
    mailer: Mailer,
    hashes: Semaphore,
    waiting: Semaphore,
    /// Notified when mails may be due.
    wake: Notify,
}

impl Host {
    pub fn new(rules: Rules, users: Users, mailer: Mailer) -> Self {
        let (codes, began, wake) = (Mutex::new(MemoryCodes::new(ROOM)), Instant::now(), Notify::default());
        let (hashes, waiting) = (Semaphore::new(HASHES), Semaphore::new(HASHES + HASHES_WAITING));
        Self { rules, users, codes, began, mailer, hashes, waiting, wake }
    }

    /// Runs a visitor's flow on a task of its own: a client that disconnects interrupts no write.
    pub async fn visit<F>(self: &Arc<Self>, flow: F, extra: Extra) -> Result<Ended<F>, JoinError>
    where
        F: Flow<Outcome: Send> + Send + 'static,
    {
        let host = Arc::clone(self);
        tokio::spawn(async move { host.drive(flow, &extra).await }).await
    }

    /// Delivers mails and deletes expired rows, for as long as the process lives.
    pub async fn work(&self) {
        const PURGE: Duration = Duration::from_secs(3600);
        let (mut look, mut purged) = (interval(Duration::from_secs(1)), None::<Instant>);
        loop {
            if purged.is_none_or(|at| at.elapsed() >= PURGE) {
                purged = Some(Instant::now());
                self.users.purge().await.unwrap_or_else(|error| tracing::warn!(%error, "expired rows were not deleted; the next pass tries again"));
            }
            match self.users.due().await {
                Err(error) => {
                    tracing::warn!(%error, "due mails could not be read; the next pass tries again")
                }
                Ok(due) => {
                    for leased in due {
                        match self.drive(Deliver { leased }, &Extra::default()).await {
                            Ok(event) => tracing::info!(event = event.name(), "delivery"),
                            Err(broken) => tracing::warn!(
                                effect = broken.kind.name(),
                                "a delivery failed; the mail is retried"
                            ),
                        }
                    }
                }
            }
            tokio::select! { _ = look.tick() => {}, () = self.wake.notified() => {} }
        }
    }

    async fn drive<F: Flow>(&self, flow: F, extra: &Extra) -> Ended<F> {
        let mut run = Run::start(flow, &self.rules);
        while let Some(effect) = run.take() {
            let answered = self.carry_out(effect, extra).await;
            run.accept(answered, &self.rules).expect("one loop answers each order once");
        }
        run.into_outcome().unwrap_or_else(|run| panic!("{run:?} waits"))
    }

    async fn carry_out(&self, effect: Effect, extra: &Extra) -> Answered {
        match effect {
            Effect::Admit(ticket, order) => ticket.answer(self.codes(|codes, now| codes.admit(&order, now))),
            Effect::Random(ticket, _) => {
                ticket.answer(random().map(|bytes| Seed(Secret::new(bytes))).map_err(|_| Fault::NotDone))
            }
            Effect::FindAccount(ticket, order) => ticket.answer(self.users.find(&order.key).await),
            Effect::HashPassword(ticket, order) => {
                ticket.answer(self.hash(extra.password.as_ref(), order).await)
            }
            Effect::CommitAccount(ticket, order) => {
                let answer = self.users.commit(&order, extra.name.as_deref()).await;
                self.wake.notify_one();
                ticket.answer(answer)
            }
            Effect::PutCode(ticket, order) => ticket.answer(self.codes(|codes, now| codes.put(&order, now))),
            Effect::RedeemCode(ticket, order) => {
                ticket.answer(Ok(self.codes(|codes, now| codes.redeem(&order, now))))
            }
            Effect::SendMail(ticket, mail) => ticket.answer(self.mailer.send(&mail).await),
            Effect::SettleMail(ticket, order) => ticket.answer(self.users.settle(&order).await),
            Effect::FindSession(ticket, order) => ticket.answer(self.users.find_session(&order).await),
            Effect::PutSession(ticket, order) => ticket.answer(self.users.put_session(&order).await),
        }
    }

    /// Calls the code store with the time since the process began: no code lives longer. A panic leaves no change
    /// there half made.
    fn codes<T>(&self, ask: impl FnOnce(&mut MemoryCodes, Time) -> T) -> T {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&mut codes, Time::from_micros(0).after(self.began.elapsed()))
    }

    async fn hash(&self, password: Option<&Arc<Password>>, order: HashPassword) -> Result<Hashed, Fault> {
        let HashPassword { salt, params, .. } = order;
        // A lost password, or a function that this host does not have, is a fault.
        let (Some(password), Hashing::Scrypt(Scrypt { log2_n, r, p })) = (password.cloned(), params) else {
            return Err(Fault::NotDone);
        };
        let Ok(_place) = self.waiting.try_acquire() else { return Err(Fault::NotDone) };
        let turn = timeout(HASH_PATIENCE, self.hashes.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(Fault::NotDone) };
        let hashed = spawn_blocking(move || {
            let mut hash = [0; 32];
            let cost = scrypt::Params::new(log2_n, r.into(), p.into()).ok()?;
            scrypt::scrypt(password.expose().as_bytes(), salt.as_bytes(), &cost, &mut hash).ok()?;
            Some(Hashed { params, hash: Secret::new(hash) })
        });
        hashed.await.ok().flatten().ok_or(Fault::NotDone)
    }
}

/// Returns random bytes of the system.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
