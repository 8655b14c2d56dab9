//! People who register, wait for the mail and activate, whatever happens to the server meanwhile: for `cargo xtask soak`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    Failure, PASSWORD,
    client::{Connection, Request},
    sink::Sink,
};

/// How long somebody tries before they count as lost: longer than the wait after a mail of unknown outcome (600 s).
const PATIENCE: Duration = Duration::from_secs(900);
/// The longest wait before another try, whatever the answer asks for: a person who presses the button again.
const IMPATIENCE: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Counts {
    next: AtomicUsize,
    activated: AtomicUsize,
    without_a_mail: AtomicUsize,
    refused_for_now: AtomicUsize,
    broken_off: AtomicUsize,
    unexpected: AtomicUsize,
}

/// Lets so many people at a time come until the time is over, and waits until the last one is done.
pub(crate) async fn come(
    server: &str,
    smtp: u16,
    at_once: usize,
    duration: Duration,
) -> Result<Value, Failure> {
    let sink = Sink::listen(smtp).await?;
    let counts = Arc::new(Counts::default());
    let until = Instant::now() + duration;
    let places: Vec<_> = (0..at_once)
        .map(|_| {
            let (server, sink, counts) = (server.to_owned(), sink.clone(), Arc::clone(&counts));
            tokio::spawn(async move {
                let mut person = Person { server, connection: None, counts };
                while Instant::now() < until {
                    let n = person.counts.next.fetch_add(1, Ordering::Relaxed);
                    person.come(n, &sink).await;
                }
            })
        })
        .collect();
    for place in places {
        place.await?;
    }
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    Ok(json!({
        "people": count(&counts.next),
        "activated": count(&counts.activated),
        "without_a_mail": count(&counts.without_a_mail),
        "mails": sink.codes().len(),
        "503_with_retry_after": count(&counts.refused_for_now),
        "connections_broken_off": count(&counts.broken_off),
        "unexpected_answers": count(&counts.unexpected),
    }))
}

struct Person {
    server: String,
    connection: Option<Connection>,
    counts: Arc<Counts>,
}

impl Person {
    async fn come(&mut self, n: usize, sink: &Sink) {
        let email = format!("person{n}@example.org");
        let since = Instant::now();
        if !self.insist(since, "/v1/register", json!({ "email": email, "password": PASSWORD }), 202).await {
            return;
        }
        let Some(code) = sink.code_for(&email, PATIENCE).await else {
            self.counts.without_a_mail.fetch_add(1, Ordering::Relaxed);
            return;
        };
        // Some are impatient, some mistype: neither changes what follows.
        if n.is_multiple_of(5) {
            self.insist(since, "/v1/resend", json!({ "email": email }), 202).await;
        }
        let with = |code: &str| json!({ "email": email, "password": PASSWORD, "code": code });
        if n.is_multiple_of(7) {
            // Once, whatever is answered: each may use up one of the code's tries.
            let wrong = if code.starts_with('1') {
                code.replace('1', "2")
            } else {
                code.replacen(&code[..1], "1", 1)
            };
            let json = Some(with(&wrong).to_string());
            let asked = self.ask(&Request { path: "/v1/activate", json, ..Request::default() }).await;
            if !matches!(asked, Ok(401 | 503) | Err(_)) {
                eprintln!("person {n}: a wrong code is answered with {asked:?}");
                self.counts.unexpected.fetch_add(1, Ordering::Relaxed);
            }
            if asked.is_err() {
                self.connection = None;
            }
        }
        if self.insist(since, "/v1/activate", with(&code), 200).await {
            self.counts.activated.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks until the server has decided; returns whether it decided as expected.
    async fn insist(&mut self, since: Instant, path: &'static str, json: Value, expected: u16) -> bool {
        let request = Request { path, json: Some(json.to_string()), ..Request::default() };
        while since.elapsed() < PATIENCE {
            match self.ask(&request).await {
                Ok(status) if status == expected => return true,
                Ok(503) if let Some(seconds) = self.asked_to_wait() => {
                    self.counts.refused_for_now.fetch_add(1, Ordering::Relaxed);
                    sleep(Duration::from_secs(seconds).min(IMPATIENCE)).await; // pace of the load
                }
                Ok(status) => {
                    eprintln!(
                        "{path}: {status} instead of {expected} for {}",
                        request.json.as_deref().unwrap_or("")
                    );
                    self.counts.unexpected.fetch_add(1, Ordering::Relaxed);
                    return false;
                }
                // The server was killed, or is not back yet.
                Err(_) => {
                    self.connection = None;
                    self.counts.broken_off.fetch_add(1, Ordering::Relaxed);
                    sleep(IMPATIENCE / 10).await; // pace of the load
                }
            }
        }
        eprintln!("{path}: no answer in {PATIENCE:?}");
        self.counts.unexpected.fetch_add(1, Ordering::Relaxed);
        false
    }

    async fn ask(&mut self, request: &Request) -> Result<u16, Failure> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(&self.server).await?);
        }
        self.connection.as_mut().ok_or("no connection")?.ask(request).await
    }

    fn asked_to_wait(&self) -> Option<u64> {
        self.connection.as_ref()?.retry_after()
    }
}
