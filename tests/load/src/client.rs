//! Requests over kept connections, and what was answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep_until},
};

use crate::Failure;

/// The answers so far: how many were good, and how long each took.
#[derive(Default)]
pub(crate) struct Answers {
    times: Vec<Duration>,
    good: usize,
}

impl Answers {
    pub(crate) fn good(&self) -> usize {
        self.good
    }

    pub(crate) fn others(&self) -> usize {
        self.times.len() - self.good
    }

    pub(crate) fn add(&mut self, time: Duration, status: u16) {
        self.times.push(time);
        self.good += usize::from((200..300).contains(&status));
    }

    pub(crate) fn merge(&mut self, mut other: Self) {
        self.times.append(&mut other.times);
        self.good += other.good;
    }

    /// Returns the time in milliseconds that this part of the answers took at most; zero without any.
    pub(crate) fn percentile(&self, part: f64) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        let index = ((times.len() as f64 * part).ceil() as usize).saturating_sub(1);
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

#[derive(Default)]
pub(crate) struct Request {
    pub(crate) path: &'static str,
    /// What is posted; nothing: a GET.
    pub(crate) json: Option<String>,
    /// The token of a session.
    pub(crate) bearer: Option<String>,
    /// When to send it; nothing: as soon as a connection is free. Its answer is timed from then, so a wait for a
    /// connection counts, and a server that stalls shows every answer that was late.
    pub(crate) due: Option<Instant>,
}

impl Request {
    fn written(&self, host: &str) -> String {
        let path = self.path;
        let token = self.bearer.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n"));
        let token = token.unwrap_or_default();
        match &self.json {
            None => format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{token}\r\n"),
            Some(json) => format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\n{token}Content-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{json}",
                json.len()
            ),
        }
    }
}

pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(server: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: server.to_owned(), read: Vec::new() })
    }

    /// Sends a request, reads its answer and returns its status.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<u16, Failure> {
        self.stream.write_all(request.written(&self.host).as_bytes()).await?;
        self.read.clear();
        while !is_whole(&self.read) {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err("the server closed a connection in the middle of an answer".into());
            }
        }
        let status = self.read.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        Ok(status.ok_or("no status")?.parse()?)
    }

    /// Returns a text of the last answer's JSON by its name.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.read);
        let (_, body) = text.split_once("\r\n\r\n")?;
        let json: serde_json::Value = serde_json::from_str(body).ok()?;
        json.get(name)?.as_str().map(str::to_owned)
    }

    /// Returns the seconds to wait that the last answer names.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        let text = String::from_utf8_lossy(&self.read).to_ascii_lowercase();
        text.lines().find_map(|line| line.strip_prefix("retry-after:")?.trim().parse().ok())
    }
}

/// Sends all requests over so many connections, each asking again as soon as it is answered.
pub(crate) async fn send_all(
    server: &str,
    connections: usize,
    request: impl Fn(usize) -> Option<Request> + Clone + Send + 'static,
) -> Result<Answers, Failure> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let mut connection = Connection::open(server).await?;
        let (next, request) = (Arc::clone(&next), request.clone());
        tasks.push(tokio::spawn(async move {
            let mut answers = Answers::default();
            while let Some(request) = request(next.fetch_add(1, Ordering::Relaxed)) {
                if let Some(due) = request.due {
                    sleep_until(due).await;
                }
                let since = request.due.unwrap_or_else(Instant::now);
                let status = connection.ask(&request).await?;
                answers.add(since.elapsed(), status);
            }
            Ok::<_, Failure>(answers)
        }));
    }
    let mut all = Answers::default();
    for task in tasks {
        all.merge(task.await??);
    }
    Ok(all)
}

/// Returns whether a message with a declared length has arrived.
pub(crate) fn is_whole(message: &[u8]) -> bool {
    let Some(head) = message.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&message[..head]).to_ascii_lowercase();
    let declared = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    message.len() >= head + 4 + declared.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_whole_with_their_last_byte() {
        let answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nabc";
        assert!(is_whole(answer) && !is_whole(&answer[..answer.len() - 1]) && !is_whole(b"HTTP/1.1 202"));
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let mut answers = Answers::default();
        (1..=100).for_each(|n| answers.add(Duration::from_millis(n), if n > 98 { 503 } else { 202 }));
        assert_eq!([0.5, 0.99, 1.0].map(|part| answers.percentile(part)), [50.0, 99.0, 100.0]);
        assert_eq!((answers.good(), answers.others()), (98, 2));
        assert_eq!(Answers::default().percentile(0.5), 0.0);
    }
}
