//! Calls that come while others are under way wait, and are carried out together.
//!
//! Nothing waits for company: a call that comes alone begins at once. What one batch costs, statements and durable
//! commits, is shared by all in it, so a busy store gets faster per call as more calls come.

use std::{
    collections::{HashSet, VecDeque},
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::oneshot, time::Instant};

use crate::port::{PortError, Result};

/// Batches at the same time, unless it is one: while one waits for the disk, the next is made. More of them are smaller
/// ones, and cost more (docs/performance.md).
const RUNNERS: usize = 2;

/// What is said to a call whose batch has replied to nobody.
pub(super) const ENDED: &str = "its batch ended in the middle";

/// Calls in one batch at most.
const MOST: usize = 32;

/// A call that waits for its batch.
pub(super) struct Call<O, R> {
    order: O,
    reply: oneshot::Sender<R>,
    /// When it must have been carried out, its time in the queue included.
    until: Instant,
}

/// What a batch is to do: its orders, where the reply to each goes, and when the first of them must have been carried out.
pub(super) struct Batch<O, T> {
    pub(super) orders: Vec<O>,
    pub(super) replies: Vec<oneshot::Sender<Result<T>>>,
    pub(super) until: Instant,
}

impl<O, T> Batch<O, T> {
    /// Takes the calls apart, without those that were dropped in the queue. Those whose time was up there are told that
    /// nothing was done.
    pub(super) fn begin(calls: Vec<Call<O, Result<T>>>, operation: &'static str) -> Self {
        let now = Instant::now();
        let (mut orders, mut replies, mut until) = (Vec::new(), Vec::new(), None);
        for call in calls {
            // Nobody waits for it any more, and nothing is done yet.
            if call.reply.is_closed() {
                continue;
            }
            if call.until <= now {
                drop(call.reply.send(Err(PortError::not_done(operation, "no connection in time"))));
                continue;
            }
            until = until.min(Some(call.until)).or(Some(call.until));
            orders.push(call.order);
            replies.push(call.reply);
        }
        Self { orders, replies, until: until.unwrap_or(now) }
    }
}

/// Returns the values, the last one repeated up to a power of two, so that few texts are prepared.
pub(super) fn padded<T>(values: &[T]) -> impl Iterator<Item = &T> {
    values.iter().chain(values.last().into_iter().cycle()).take(values.len().next_power_of_two())
}

/// Replies to all calls of a batch that it failed.
pub(super) fn fail<T>(replies: Vec<oneshot::Sender<Result<T>>>, error: &PortError) {
    for reply in replies {
        let (fault, operation, source) = (error.fault, error.operation, error.source.to_string().into());
        drop(reply.send(Err(PortError { fault, operation, source })));
    }
}

/// The calls that wait for a batch.
pub(super) struct Together<O, R> {
    queue: Mutex<Queue<O, R>>,
    most_runners: usize,
}

struct Queue<O, R> {
    waiting: VecDeque<Call<O, R>>,
    runners: usize,
}

impl<O, R> Default for Together<O, R> {
    fn default() -> Self {
        Self { queue: Mutex::new(Queue { waiting: VecDeque::new(), runners: 0 }), most_runners: RUNNERS }
    }
}

#[cfg(feature = "sqlite")]
impl<O, R> Together<O, R> {
    /// Makes one for a store that carries out one batch at a time: a second one would wait, and be smaller.
    pub(super) fn one_at_a_time() -> Self {
        Self { most_runners: 1, ..Self::default() }
    }
}

impl<O: Send + 'static, R: Send + 'static> Together<O, R> {
    /// Carries out a call with those that wait, on a task of its own; none if that task ended without a reply. No two
    /// orders of a batch have the same key.
    pub(super) async fn call<K, F>(
        self: &Arc<Self>,
        order: O,
        until: Instant,
        key: fn(&O) -> &K,
        carry_out: impl Fn(Vec<Call<O, R>>) -> F + Send + 'static,
    ) -> Option<R>
    where
        K: Hash + Eq + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (reply, replied) = oneshot::channel();
        let runs = self.wait_for_batch(Call { order, reply, until });
        if runs {
            let mut runner = Runner { together: Arc::clone(self), counted: true };
            tokio::spawn(async move {
                while let Some(batch) = runner.next(key) {
                    carry_out(batch).await;
                }
            });
        }
        replied.await.ok()
    }

    /// Puts a call behind the others; returns whether a runner is to be started.
    fn wait_for_batch(&self, call: Call<O, R>) -> bool {
        let mut queue = self.lock();
        queue.waiting.push_back(call);
        let runs = queue.runners < self.most_runners;
        queue.runners += usize::from(runs);
        runs
    }

    fn lock(&self) -> MutexGuard<'_, Queue<O, R>> {
        // Nothing in here panics half way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that carries out batches until none waits.
struct Runner<O: Send + 'static, R: Send + 'static> {
    together: Arc<Together<O, R>>,
    counted: bool,
}

impl<O: Send + 'static, R: Send + 'static> Runner<O, R> {
    /// Takes the next batch, in the order of arrival. A second order of a key stays for a later one. Where none waits the
    /// runner stops counting in the same moment, so that the next call starts another.
    fn next<K: Hash + Eq>(&mut self, key: fn(&O) -> &K) -> Option<Vec<Call<O, R>>> {
        let mut queue = self.together.lock();
        let waiting = std::mem::take(&mut queue.waiting);
        let (mut batch, mut keys) = (Vec::new(), HashSet::new());
        let taken: Vec<bool> =
            waiting.iter().map(|call| keys.len() < MOST && keys.insert(key(&call.order))).collect();
        for (call, taken) in waiting.into_iter().zip(taken) {
            if taken {
                batch.push(call);
            } else {
                queue.waiting.push_back(call);
            }
        }
        if batch.is_empty() {
            queue.runners -= 1;
            self.counted = false;
            return None;
        }
        Some(batch)
    }
}

impl<O: Send + 'static, R: Send + 'static> Drop for Runner<O, R> {
    fn drop(&mut self) {
        // It panicked. What waits is taken up with the next call.
        if self.counted {
            self.together.lock().runners -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::Semaphore, task::JoinSet};

    use super::*;

    #[tokio::test]
    async fn calls_that_come_meanwhile_are_one_batch_and_a_key_is_in_it_once() {
        let together = Arc::new(Together::<u32, usize>::default());
        let gate = Arc::new(Semaphore::new(0));
        let mut calls = JoinSet::new();
        let call = |order| {
            let (together, gate) = (Arc::clone(&together), Arc::clone(&gate));
            async move {
                let carry_out = move |batch: Vec<Call<u32, usize>>| {
                    let gate = Arc::clone(&gate);
                    async move {
                        let _go = gate.acquire().await;
                        let size = batch.len();
                        for call in batch {
                            call.reply.send(size).unwrap();
                        }
                    }
                };
                together.call(order, Instant::now(), |order| order, carry_out).await
            }
        };
        // Each runner begins one that comes alone.
        for order in 0..u32::try_from(RUNNERS).unwrap() {
            calls.spawn(call(order));
            tokio::task::yield_now().await;
        }
        for order in [10, 11, 12, 10] {
            calls.spawn(call(order));
        }
        while together.lock().waiting.len() < 4 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(1);
        let mut sizes: Vec<Option<usize>> = calls.join_all().await;
        sizes.sort();
        let alone = vec![Some(1); RUNNERS + 1];
        assert_eq!(sizes, [alone, vec![Some(3); 3]].concat(), "the second order of a key is alone, too");
        assert_eq!(together.lock().runners, 0);
    }

    /// A call between the last look and the end of the runner would wait for another call.
    #[test]
    fn runner_that_finds_nothing_does_not_count_any_more() {
        let together = Arc::new(Together::<u32, u32>::default());
        together.lock().runners = 1;
        let mut runner = Runner { together: Arc::clone(&together), counted: true };
        assert!(runner.next(|order| order).is_none());
        assert_eq!(together.lock().runners, 0);
        drop(runner);
        assert_eq!(together.lock().runners, 0);
    }

    #[tokio::test]
    async fn batch_that_panics_answers_nobody_and_the_next_call_is_carried_out() {
        let together = Arc::new(Together::<u32, u32>::default());
        let panics = |_: Vec<Call<u32, u32>>| async { panic!("in the middle") };
        assert_eq!(together.call(1, Instant::now(), |order| order, panics).await, None);
        let echoes = |batch: Vec<Call<u32, u32>>| async {
            for call in batch {
                call.reply.send(call.order).unwrap();
            }
        };
        assert_eq!(together.call(2, Instant::now(), |order| order, echoes).await, Some(2));
    }
}
