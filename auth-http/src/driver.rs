//! The loop that carries out effects, the one place that matches on `Effect`.
//!
//! A ticket stays in the loop while its order goes to a port, so that a task that panics does not take it along. Reads
//! are aborted when they take too long, writes never: they run on tasks of their own, so that a client that
//! disconnects cannot interrupt one.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use auth_core::{
    AccountId, Answer, Answered, Authenticate, Broken, Class, Client, CodeStored, Commit, CommitAccount,
    Effect, Ended, Event, Fault, Flow, Kind, MailChange, Op, Password, Random, Rules, Run, Secret, Seed,
    SendMail, SessionId, SubjectKind, Ticket, WhichPassword,
};
use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    deadlines,
    hooks::Hooks,
    metrics::Metrics,
    port::{Accounts, Codes, Hasher, Mailer, PortError},
    random,
    visitor::{Reported, Visitor, audit},
};

/// The adapters behind the ports.
#[derive(Clone)]
pub struct Ports {
    /// Accounts and outbox.
    pub accounts: Arc<dyn Accounts>,
    /// Codes and limits.
    pub codes: Arc<dyn Codes>,
    /// Mail.
    pub mailer: Arc<dyn Mailer>,
    /// Password hashing.
    pub hasher: Arc<dyn Hasher>,
}

/// The host of all flows.
pub struct Driver {
    /// The policy.
    pub rules: Rules,
    /// The adapters.
    pub ports: Ports,
    /// Counts of what has happened so far.
    pub metrics: Metrics,
    /// Wakes the outbox worker.
    pub wake: Notify,
    hooks: Hooks,
    writes: TaskTracker,
    no_more_mails: CancellationToken,
}

/// What stays outside a run.
#[derive(Default)]
struct Beside {
    /// Whose the hashes are.
    client: Option<Client>,
    password: Option<Arc<Password>>,
    new_password: Option<Arc<Password>>,
    deadline: Option<Instant>,
    /// Whether something that counts may have been written.
    writing: Arc<AtomicBool>,
    /// Whether it ends where it would write.
    only_reads: bool,
}

/// Aborts an abandoned run when dropped, unless it has begun to write.
struct Abandon {
    task: AbortHandle,
    writing: Arc<AtomicBool>,
}

impl Drop for Abandon {
    fn drop(&mut self) {
        if !self.writing.load(Ordering::SeqCst) {
            self.task.abort();
        }
    }
}

impl Driver {
    /// Puts a driver together.
    #[must_use]
    pub fn new(rules: Rules, ports: Ports, metrics: Metrics, hooks: Hooks) -> Self {
        let (wake, writes, no_more_mails) = Default::default();
        Self { rules, ports, metrics, wake, hooks, writes, no_more_mails }
    }

    /// Runs a visitor's flow to its end, and audits it.
    ///
    /// Threat: a client that disconnects to keep its wrong codes out of audit and metrics. Once
    /// something may have been written the run goes on without it.
    ///
    /// # Errors
    /// [`Broken`] where I/O failed or took too long.
    pub async fn visit<F>(self: &Arc<Self>, flow: F, visitor: Visitor) -> Ended<F>
    where
        F: Flow<Outcome: Reported + Send> + Send + 'static,
    {
        let Visitor { client, password, new_password, about, from } = visitor;
        let (password, new_password) = (password.map(Arc::new), new_password.map(Arc::new));
        let deadline = Some(Instant::now() + deadlines::REQUEST);
        let writing = Arc::new(AtomicBool::new(false));
        let client = Some(client);
        let only_reads = false;
        let beside =
            Beside { client, password, new_password, deadline, writing: Arc::clone(&writing), only_reads };
        let driver = Arc::clone(self);
        let run = async move {
            let ended = driver.drive(flow, &beside).await;
            if let Ok(outcome) = &ended {
                audit(F::NAME, outcome.event(), &about, &from);
            }
            ended
        };
        let task = self.writes.spawn(run.in_current_span());
        let _abandon = Abandon { task: task.abort_handle(), writing };
        task.await.unwrap_or_else(|join| {
            tracing::error!(panicked = join.is_panic(), "a run ended in the middle");
            Err(Broken { kind: Kind::Random, fault: Fault::Unknown })
        })
    }

    /// Recognises the account of a session: on the visitor's own task, without an audit event, since an application
    /// asks with every request of its own.
    ///
    /// # Errors
    /// [`Broken`] where I/O failed or took too long.
    pub async fn recognise(&self, flow: Authenticate) -> Ended<Authenticate> {
        let deadline = Some(Instant::now() + deadlines::REQUEST);
        self.drive(flow, &Beside { deadline, ..Beside::default() }).await
    }

    /// Ends a session by its name; returns whether it was there. Like a write of a flow it goes on without its client,
    /// and is audited.
    ///
    /// # Errors
    /// [`Broken`] where I/O failed or took too long.
    pub async fn end_session(
        self: &Arc<Self>,
        account: AccountId,
        id: SessionId,
        visitor: Visitor,
    ) -> Result<bool, Broken> {
        const OPERATION: &str = "end_session";
        let driver = Arc::clone(self);
        let work = async move {
            let ended = driver.ports.accounts.end_session(account, id).await?;
            let event = if ended { Event::LoggedOut } else { Event::NoSession };
            driver.metrics.outcome(OPERATION, event);
            audit(OPERATION, event, &visitor.about, &visitor.from);
            Ok(ended)
        };
        let kind = Kind::PutSession;
        self.write(kind, deadlines::EFFECT, work).await.map_err(|fault| {
            self.metrics.fault(OPERATION, kind);
            Broken { kind, fault }
        })
    }

    /// Runs a flow that nobody waits for.
    ///
    /// # Errors
    /// [`Broken`] where I/O failed or took too long.
    pub async fn work<F: Flow<Outcome: Reported>>(&self, flow: F) -> Ended<F> {
        self.drive(flow, &Beside::default()).await
    }

    /// Runs a flow as far as it only reads; returns nothing where it would write.
    ///
    /// # Errors
    /// [`Broken`] where I/O failed or took too long.
    pub async fn rehearse<F: Flow<Outcome: Reported>>(&self, flow: F) -> Result<Option<F::Outcome>, Broken> {
        match self.drive(flow, &Beside { only_reads: true, ..Beside::default() }).await {
            // Nothing was written, so no write has failed.
            Err(broken) if broken.kind.class() == Class::Write => Ok(None),
            ended => ended.map(Some),
        }
    }

    /// Gives up the mails that are being sent: the process ends before their outcome can be known.
    pub fn give_up_sending(&self) {
        self.no_more_mails.cancel();
    }

    /// Waits for writes that were begun.
    pub async fn finish_writes(&self) {
        self.writes.close();
        self.writes.wait().await;
    }

    async fn drive<F: Flow<Outcome: Reported>>(&self, flow: F, beside: &Beside) -> Ended<F> {
        let mut run = Run::start(flow, &self.rules);
        while let Some(effect) = run.take() {
            let kind = effect.kind();
            if beside.only_reads && kind.class() == Class::Write {
                return Err(Broken { kind, fault: Fault::NotDone });
            }
            self.hooks.before(kind);
            let answered = self.perform(effect, beside).await;
            self.hooks.after(kind);
            if let Err(refused) = run.accept(answered, &self.rules) {
                // Unreachable while each effect's own ticket answers it, a few lines below.
                tracing::error!(why = ?refused.why, "a run refused its answer");
                return Err(Broken { kind, fault: Fault::Unknown });
            }
        }
        let waits_for = run.waits_for();
        let ended = run.into_outcome().unwrap_or_else(|_| {
            Err(Broken { kind: waits_for.unwrap_or(Kind::Random), fault: Fault::Unknown })
        });
        match &ended {
            Ok(outcome) => self.metrics.outcome(F::NAME, outcome.event()),
            Err(broken) => self.metrics.fault(F::NAME, broken.kind),
        }
        ended
    }

    async fn perform(&self, effect: Effect, beside: &Beside) -> Answered {
        let (accounts, codes) = (Arc::clone(&self.ports.accounts), Arc::clone(&self.ports.codes));
        let patience = beside.patience(deadlines::EFFECT);
        // Nothing is lost with a request that was only counted. Threat: a stranger who disconnects once a guess is
        // counted, and so uses up an address's tries unseen.
        let only_counted =
            matches!(&effect, Effect::Admit(_, order) if order.subject.kind() == SubjectKind::Client);
        if effect.kind().class() == Class::Write && !only_counted {
            beside.writing.store(true, Ordering::SeqCst);
        }
        match effect {
            Effect::Random(ticket, Random) => self.carry_out(ticket, patience, async { draw() }).await,
            Effect::HashPassword(ticket, order) => {
                let hasher = Arc::clone(&self.ports.hasher);
                let password = match order.which {
                    WhichPassword::Given => &beside.password,
                    WhichPassword::New => &beside.new_password,
                };
                let hashing = beside.client.zip(password.clone());
                let work = async move {
                    let (client, password) =
                        hashing.ok_or_else(|| PortError::not_done("hash a password", NoPassword))?;
                    hasher.hash(client, password, order).await
                };
                self.carry_out(ticket, beside.patience(deadlines::HASH), work).await
            }
            Effect::FindAccount(ticket, order) => {
                let work = async move { accounts.find(&order.key).await };
                self.carry_out(ticket, patience, work).await
            }
            Effect::FindSession(ticket, order) => {
                let work = async move { accounts.find_session(&order.token).await };
                self.carry_out(ticket, patience, work).await
            }
            Effect::PutSession(ticket, order) => {
                self.carry_out(ticket, patience, async move { accounts.put_session(&order).await }).await
            }
            Effect::Admit(ticket, order) => {
                self.carry_out(ticket, patience, async move { codes.admit(&order).await }).await
            }
            Effect::CommitAccount(ticket, order) => {
                let mut mails = order.changes.iter().flat_map(|change| &change.mails);
                let owes = mails.any(|mail| matches!(mail, MailChange::Owe(_)));
                let work = async move { accounts.commit(&order).await };
                let answer = self.carried_out::<CommitAccount>(patience, work).await;
                if owes && !matches!(answer, Ok(Commit::Conflict) | Err(Fault::NotDone)) {
                    self.wake.notify_one();
                }
                ticket.answer(answer)
            }
            Effect::PutCode(ticket, order) => {
                let work = async move { codes.put(&order).await.map(|()| CodeStored) };
                self.carry_out(ticket, patience, work).await
            }
            Effect::RedeemCode(ticket, order) => {
                self.carry_out(ticket, patience, async move { codes.redeem(&order).await }).await
            }
            Effect::SendMail(ticket, order) => {
                let mailer = Arc::clone(&self.ports.mailer);
                let work = async move { mailer.send(&order).await };
                tokio::select! {
                    // The ticket stays here. The server's reply is lost when the process ends.
                    sent = self.carried_out::<SendMail>(Rules::SEND_DEADLINE, work) => ticket.answer(sent),
                    () = self.no_more_mails.cancelled() => ticket.answer(Err(Fault::Unknown)),
                }
            }
            Effect::SettleMail(ticket, order) => {
                self.carry_out(ticket, patience, async move { accounts.settle(&order).await }).await
            }
        }
    }

    async fn carry_out<O: Op>(&self, ticket: Ticket<O>, patience: Duration, work: impl Work<O>) -> Answered {
        ticket.answer(self.carried_out::<O>(patience, work).await)
    }

    /// Carries out an order; its class says what happens if it takes too long.
    async fn carried_out<O: Op>(&self, patience: Duration, work: impl Work<O>) -> Answer<O> {
        let began = Instant::now();
        let answer = match O::CLASS {
            Class::Pure | Class::Read => read(O::KIND, patience, work).await,
            Class::Write => self.write(O::KIND, patience, work).await,
        };
        self.metrics.effect(O::KIND, began.elapsed());
        answer
    }

    /// Runs a write to its end on its own task; one that is late or panicked is unknown.
    async fn write<T, W>(&self, kind: Kind, patience: Duration, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: Future<Output = crate::port::Result<T>> + Send + 'static,
    {
        if patience.is_zero() {
            tracing::warn!(effect = kind.name(), "the request's time was up before this write");
            return Err(Fault::NotDone);
        }
        match timeout(patience, self.writes.spawn(work.in_current_span())).await {
            Ok(Ok(result)) => logged(kind, result),
            Ok(Err(join)) => {
                tracing::error!(
                    effect = kind.name(),
                    panicked = join.is_panic(),
                    "a write ended in the middle"
                );
                Err(Fault::Unknown)
            }
            Err(_) => {
                tracing::warn!(effect = kind.name(), "a write takes too long; it goes on");
                Err(Fault::Unknown)
            }
        }
    }
}

impl Beside {
    /// Returns how long something may take: its own limit or what is left of the request's.
    fn patience(&self, limit: Duration) -> Duration {
        match self.deadline {
            Some(deadline) => limit.min(deadline.saturating_duration_since(Instant::now())),
            None => limit,
        }
    }
}

/// The work of a port for an order.
trait Work<O: Op>: Future<Output = crate::port::Result<O::Reply>> + Send + 'static {}

impl<O: Op, W: Future<Output = crate::port::Result<O::Reply>> + Send + 'static> Work<O> for W {}

#[derive(Debug, thiserror::Error)]
#[error("the run came without a password")]
struct NoPassword;

/// Aborts a read that takes too long; then nothing happened.
async fn read<T>(
    kind: Kind,
    patience: Duration,
    work: impl Future<Output = crate::port::Result<T>>,
) -> Result<T, Fault> {
    match timeout(patience, work).await {
        Ok(result) => logged(kind, result),
        Err(_) => {
            tracing::warn!(effect = kind.name(), "no answer in time");
            Err(Fault::NotDone)
        }
    }
}

/// Logs a failure, here and only here; the flow gets the fault alone.
fn logged<T>(kind: Kind, result: Result<T, PortError>) -> Result<T, Fault> {
    result.map_err(|error| {
        tracing::warn!(effect = kind.name(), %error, fault = ?error.fault, "an effect failed");
        error.fault
    })
}

fn draw() -> crate::port::Result<Seed> {
    random::bytes().map(|bytes| Seed(Secret::new(bytes)))
}
