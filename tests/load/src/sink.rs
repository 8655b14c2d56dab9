//! A mail server that takes every mail at once and keeps the code that is in it.

use std::{
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};

/// The mails that have been accepted.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Shared>);

#[derive(Default)]
struct Shared {
    mails: Mutex<Vec<(String, String)>>,
    arrived: Notify,
}

impl Sink {
    pub(crate) async fn listen(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let sink = Self::default();
        let accepting = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sink = accepting.clone();
                // A conversation that breaks off has delivered what was acknowledged.
                tokio::spawn(async move { drop(sink.converse(stream).await) });
            }
        });
        Ok(sink)
    }

    /// Waits for so many mails, or until none arrives any more; returns how many there are.
    pub(crate) async fn wait_for(&self, count: usize, silence: Duration) -> usize {
        loop {
            let arrived = self.0.arrived.notified();
            let mails = self.mails().len();
            if mails >= count || timeout(silence, arrived).await.is_err() {
                return mails;
            }
        }
    }

    /// Returns recipients and codes.
    pub(crate) fn codes(&self) -> Vec<(String, String)> {
        self.mails().clone()
    }

    fn mails(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.0.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn converse(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 sink.example\r\n").await?;
        let (mut recipient, mut code, mut in_data) = (String::new(), None, false);
        while let Some(line) = lines.next_line().await? {
            let reply: &[u8] = if in_data {
                if line != "." {
                    code = code.or_else(|| code_in(&line));
                    continue;
                }
                in_data = false;
                let mail = (std::mem::take(&mut recipient), code.take().unwrap_or_default());
                self.mails().push(mail);
                self.0.arrived.notify_one();
                b"250 taken\r\n"
            } else if let Some(path) = line.strip_prefix("RCPT TO:<") {
                recipient = path.split('>').next().unwrap_or_default().to_owned();
                b"250 ok\r\n"
            } else if line.starts_with("EHLO") {
                b"250-sink.example\r\n250 8BITMIME\r\n"
            } else if line.starts_with("DATA") {
                in_data = true;
                b"354 go on\r\n"
            } else if line.starts_with("QUIT") {
                return write.write_all(b"221 bye\r\n").await;
            } else {
                b"250 ok\r\n"
            };
            write.write_all(reply).await?;
        }
        Ok(())
    }
}

/// Returns the code of a line that consists of nothing else.
fn code_in(line: &str) -> Option<String> {
    let digits: String = line.trim().chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    let is_code = (4..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stands_alone_on_its_line() {
        assert_eq!(code_in("  123 456"), Some("123456".to_owned()));
        for other in ["", "123", "Your code: 123456", "--=_123456"] {
            assert_eq!(code_in(other), None, "{other}");
        }
    }
}
