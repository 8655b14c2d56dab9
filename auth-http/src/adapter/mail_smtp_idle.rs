//! The warm connections: those that wait a little for their next mail.
//!
//! A caller never waits for one: if none is idle, it opens a new one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::mail_smtp_conversation::Conversation;

/// Connections that wait for a mail, oldest first.
pub(super) struct Idle {
    waiting: Mutex<Waiting>,
    /// How many wait at most: as many as the worker sends at once.
    most: usize,
}

#[derive(Default)]
struct Waiting {
    connections: VecDeque<(Instant, Conversation)>,
    swept: bool,
}

impl Idle {
    pub(super) fn new(most: usize) -> Self {
        Self { waiting: Mutex::default(), most }
    }

    /// Takes the connection that was used last. One that does not serve any more is not followed by another: what ended
    /// it has most likely ended them all.
    pub(super) fn take(&self) -> Option<Conversation> {
        let (until, warm) = self.lock().connections.pop_back()?;
        (until > Instant::now()).then_some(warm)
    }

    /// Keeps a connection for a while.
    pub(super) fn put(self: &Arc<Self>, conversation: Conversation, lasting: Duration) {
        let mut waiting = self.lock();
        waiting.connections.push_back((Instant::now() + lasting, conversation));
        if waiting.connections.len() > self.most {
            waiting.connections.pop_front();
        }
        if !waiting.swept {
            waiting.swept = true;
            tokio::spawn(sweep(Arc::clone(self)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that were not used, until none waits.
async fn sweep(idle: Arc<Idle>) {
    loop {
        let next = {
            let mut waiting = idle.lock();
            match waiting.connections.front() {
                Some((until, _)) => *until,
                None => {
                    waiting.swept = false;
                    return;
                }
            }
        };
        sleep_until(next).await;
        let old = {
            let mut waiting = idle.lock();
            let late = waiting.connections.front().is_some_and(|(until, _)| *until <= Instant::now());
            late.then(|| waiting.connections.pop_front()).flatten()
        };
        if let Some((_, conversation)) = old {
            conversation.quit().await;
        }
    }
}
