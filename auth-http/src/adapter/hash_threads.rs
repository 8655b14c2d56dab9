//! Password hashing: scrypt or Argon2id, and what another program has used where a row says so, on a fixed number of
//! threads behind a bounded, fair queue.
//!
//! Threat: each hash takes 128 MiB and some 0.4 s. Without a bound a few hundred requests take all
//! memory; without fairness one client takes everybody's turn. So the workers are fixed, the
//! queue is bounded, one client holds at most a quarter of it, and clients take turns.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use async_trait::async_trait;
use auth_core::{Client, HashPassword, Hashed, Hashing, Password, Secret};
use tokio::{sync::oneshot, time::Instant};

use super::hash_functions::compute;
use crate::{
    hooks,
    metrics::HashTimes,
    port::{HashLoad, Hasher, PortError, Result},
};

/// A hasher with threads of its own.
pub struct HashThreads {
    shared: Arc<Scheduler>,
}

struct Scheduler {
    queue: Mutex<Queue>,
    wake: Condvar,
    capacity: usize,
    times: HashTimes,
}

#[derive(Default)]
struct Queue {
    /// The clients that wait, in the order of their turns.
    turns: VecDeque<Client>,
    jobs: HashMap<Client, VecDeque<Job>>,
    waiting: usize,
    running: usize,
    closed: bool,
}

struct Job {
    password: Arc<Password>,
    order: HashPassword,
    queued: Instant,
    done: oneshot::Sender<Result<Hashed>>,
}

#[derive(Debug, thiserror::Error)]
enum QueueRefusal {
    #[error("the queue of {0} is full")]
    Full(usize),
    #[error("one client holds a quarter of the queue")]
    Share,
    #[error("hashing has stopped")]
    Stopped,
}

impl HashThreads {
    /// Starts the workers. They end when this value and what waits is gone.
    ///
    /// # Errors
    /// The operating system's error where a thread cannot be started.
    pub fn start(workers: usize, capacity: usize, times: HashTimes) -> std::io::Result<Self> {
        let (queue, wake) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Scheduler { queue, wake, capacity, times });
        for number in 0..workers {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("hash-{number}")).spawn(move || {
                give_way();
                shared.work();
            })?;
        }
        Ok(Self { shared })
    }
}

#[async_trait]
impl Hasher for HashThreads {
    async fn hash(&self, client: Client, password: Arc<Password>, order: HashPassword) -> Result<Hashed> {
        const OPERATION: &str = "hash a password";
        let (done, result) = oneshot::channel();
        self.shared
            .push(client, Job { password, order, queued: Instant::now(), done })
            .map_err(|refused| PortError::not_done(OPERATION, refused))?;
        result.await.unwrap_or_else(|_| Err(PortError::not_done(OPERATION, QueueRefusal::Stopped)))
    }

    fn load(&self) -> HashLoad {
        let queue = self.shared.lock();
        HashLoad { waiting: queue.waiting, running: queue.running }
    }
}

impl Drop for HashThreads {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

/// Makes so many hashes at once, as the workers do, and returns how long the slowest one took.
///
/// # Errors
/// Not done where a thread cannot be started or the hash cannot be made.
pub(crate) fn measure(params: Hashing, at_once: usize) -> Result<Duration> {
    const OPERATION: &str = "measure a hash";
    let mut hashes = Vec::new();
    for _ in 0..at_once {
        let hash = thread::Builder::new().spawn(move || {
            give_way();
            let begun = Instant::now();
            compute(b"a password", &[0; 16], params)?;
            Ok(begun.elapsed())
        });
        hashes.push(hash.map_err(|error| PortError::not_done(OPERATION, error))?);
    }
    let mut slowest = Duration::ZERO;
    for hash in hashes {
        let panicked = |_| Err(PortError::not_done(OPERATION, "the thread panicked"));
        slowest = slowest.max(hash.join().unwrap_or_else(panicked)?);
    }
    Ok(slowest)
}

/// Lets everything else of the process go first.
///
/// Threat: as many hashes as there are processors, which anybody can ask for, delay every other answer by their turns
/// on the processor. With this nice value a thread gets a tenth of what another one gets that wants to run as well, and
/// everything that is left.
#[cfg(target_os = "linux")]
fn give_way() {
    const NICE: i32 = 10;
    // On Linux this is a thread's own, in spite of the name. Refused, hashes are merely as urgent as the rest.
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::warn!(%error, "hashing has no lower priority than the rest");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

impl Scheduler {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, client: Client, job: Job) -> std::result::Result<(), QueueRefusal> {
        let mut queue = self.lock();
        queue.forget_abandoned();
        if queue.waiting >= self.capacity {
            return Err(QueueRefusal::Full(self.capacity));
        }
        let share = (self.capacity / 4).max(1);
        let jobs = queue.jobs.entry(client).or_default();
        if jobs.len() >= share {
            return Err(QueueRefusal::Share);
        }
        let first = jobs.is_empty();
        jobs.push_back(job);
        if first {
            queue.turns.push_back(client);
        }
        queue.waiting += 1;
        self.wake.notify_one();
        Ok(())
    }

    fn work(&self) {
        loop {
            let mut queue = self.lock();
            let job = loop {
                if let Some(job) = queue.next() {
                    break job;
                }
                if queue.closed {
                    return;
                }
                queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
            };
            queue.running += 1;
            drop(queue);
            self.times.waited(job.queued.elapsed());
            hooks::before_hash();
            // Where nobody waits any more, the client has gone, or its time was up.
            let hashed = (!job.done.is_closed()).then(|| {
                let begun = Instant::now();
                let hashed = hash(&job.password, &job.order);
                self.times.computed(begun.elapsed());
                hashed
            });
            self.lock().running -= 1;
            if let Some(hashed) = hashed {
                drop(job.done.send(hashed));
            }
        }
    }
}

impl Queue {
    /// Takes the next job of the client whose turn it is; its next one queues up behind the others.
    fn next(&mut self) -> Option<Job> {
        let client = self.turns.pop_front()?;
        let jobs = self.jobs.get_mut(&client)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.jobs.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        self.waiting -= 1;
        job
    }

    /// Makes room where requests have gone away.
    fn forget_abandoned(&mut self) {
        let jobs = &mut self.jobs;
        jobs.retain(|_, jobs| {
            jobs.retain(|job| !job.done.is_closed());
            !jobs.is_empty()
        });
        self.waiting = jobs.values().map(VecDeque::len).sum();
        self.turns.retain(|client| jobs.contains_key(client));
    }
}

fn hash(password: &Password, order: &HashPassword) -> Result<Hashed> {
    let hash = compute(password.expose().as_bytes(), order.salt.as_bytes(), order.params)?;
    Ok(Hashed { params: order.params, hash: Secret::new(hash) })
}

#[cfg(test)]
mod tests {
    use auth_core::{Argon2, Scrypt};

    use super::*;

    fn client(n: u8) -> Client {
        Client::of([192, 0, 2, n].into())
    }

    fn job() -> (Job, oneshot::Receiver<Result<Hashed>>) {
        let (done, result) = oneshot::channel();
        let password = Arc::new(Password::parse("correct horse").unwrap());
        let params = Scrypt { log2_n: 4, r: 8, p: 1 }.into();
        let salt = auth_core::PasswordRecord::from_phc(
            "$scrypt$ln=4,r=8,p=1$BwcHBwcHBwcHBwcHBwcHBw$CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk",
        );
        let order = HashPassword { salt: salt.unwrap().salt, params, which: auth_core::WhichPassword::Given };
        (Job { password, order, queued: Instant::now(), done }, result)
    }

    fn shared(capacity: usize) -> Scheduler {
        Scheduler { queue: Mutex::default(), wake: Condvar::new(), capacity, times: HashTimes::default() }
    }

    #[test]
    fn one_client_holds_a_quarter_and_all_of_them_the_whole() {
        let shared = shared(8);
        let mut kept = Vec::new();
        let mut push = |n| {
            let (job, result) = job();
            kept.push(result);
            shared.push(client(n), job).is_ok()
        };
        assert!(push(1) && push(1) && !push(1), "two of eight are a quarter");
        assert!(push(2) && push(2) && push(3) && push(3) && push(4) && push(4));
        assert!(!push(5), "the queue is full");
    }

    #[test]
    fn clients_take_turns() {
        let shared = shared(16);
        let mut kept = Vec::new();
        for n in [1, 1, 1, 2, 3] {
            let (job, result) = job();
            kept.push(result);
            assert!(shared.push(client(n), job).is_ok());
        }
        let mut queue = shared.lock();
        let mut order = Vec::new();
        while let Some(next) = queue.turns.front().copied() {
            order.push(next);
            assert!(queue.next().is_some());
        }
        assert_eq!(order, [1, 2, 3, 1, 1].map(client));
        assert_eq!(queue.waiting, 0);
    }

    #[test]
    fn abandoned_jobs_make_room() {
        let shared = shared(4);
        for n in 1..=4 {
            let (job, result) = job();
            assert!(shared.push(client(n), job).is_ok());
            drop(result);
        }
        let (job, _result) = job();
        assert!(shared.push(client(5), job).is_ok());
        assert_eq!(shared.lock().waiting, 1);
    }

    #[tokio::test]
    async fn a_hash_is_scrypt_of_password_and_salt() {
        let pool = HashThreads::start(1, 4, HashTimes::default()).unwrap();
        let (job, _result) = job();
        let Hashed { hash, .. } = pool.hash(client(1), job.password, job.order.clone()).await.unwrap();
        let mut expected = [0; 32];
        let params = scrypt::Params::new(4, 8, 1).unwrap();
        scrypt::scrypt(b"correct horse", job.order.salt.as_bytes(), &params, &mut expected).unwrap();
        assert_eq!(hash.expose(), &expected);
        assert_eq!(pool.load(), HashLoad::default());
    }

    #[tokio::test]
    async fn other_functions_are_computed_as_a_row_says() {
        let pool = HashThreads::start(1, 4, HashTimes::default()).unwrap();
        let (job, _result) = job();
        let params = Hashing::Pbkdf2 { iterations: 1000 };
        let order = HashPassword { params, ..job.order };
        let hashed = pool.hash(client(1), Arc::clone(&job.password), order.clone()).await.unwrap();
        assert_eq!(hashed.params, params);
        // Computed by another implementation.
        let expected =
            [0x94, 0xbb, 0xb5, 0xc7, 0xcc, 0x90, 0xfb, 0xd1, 0x77, 0xee, 0x85, 0xa5, 0x5b, 0x0d, 0x98, 0x27];
        assert_eq!(hashed.hash.expose()[..16], expected);

        let params = Hashing::Argon2id(Argon2 { m: 64, t: 2, p: 1 });
        let order = HashPassword { params, ..order };
        let hashed = pool.hash(client(1), Arc::clone(&job.password), order.clone()).await.unwrap();
        // As the reference implementation (argon2-cffi) computes it.
        let expected =
            [0x22, 0x3a, 0xb7, 0x33, 0x3e, 0xe5, 0xe0, 0xa5, 0xb9, 0x2a, 0x10, 0xe3, 0x4a, 0x87, 0xfe, 0x46];
        assert_eq!(hashed.hash.expose()[..16], expected);

        let key = auth_core::KeyId::from_bytes([1; 16]);
        let order = HashPassword { params: Hashing::Delegated { key }, ..order };
        let error = pool.hash(client(1), job.password, order).await.unwrap_err();
        assert_eq!(error.fault, auth_core::Fault::NotDone);
    }
}
