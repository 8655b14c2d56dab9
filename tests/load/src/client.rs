//! One kept connection, and what was answered on it.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
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

    /// Sends a request and reads its answer.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        body: &str,
        answers: &mut Answers,
    ) -> Result<(), Failure> {
        let (host, length) = (&self.host, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n\
             {body}"
        );
        let sent = Instant::now();
        self.stream.write_all(request.as_bytes()).await?;
        self.read.clear();
        while !is_whole(&self.read) {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err("the server closed a connection in the middle of an answer".into());
            }
        }
        answers.times.push(sent.elapsed());
        answers.good += usize::from(self.read.starts_with(b"HTTP/1.1 20"));
        Ok(())
    }
}

/// Returns whether an answer with a declared length has arrived.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let declared = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    answer.len() >= head + 4 + declared.unwrap_or(0)
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
        let times = (1..=100).map(Duration::from_millis).collect();
        let answers = Answers { times, good: 100 };
        assert_eq!([0.5, 0.99, 1.0].map(|part| answers.percentile(part)), [50.0, 99.0, 100.0]);
        assert_eq!(Answers::default().percentile(0.5), 0.0);
    }
}
