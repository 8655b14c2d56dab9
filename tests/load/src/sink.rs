//! A mail server that takes every mail at once and keeps the code that is in it.

use std::{
    collections::HashMap,
    io,
    net::Ipv4Addr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{Instant, timeout},
};

/// The mails that have been accepted.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Shared>);

/// Recipients and codes.
#[derive(Default)]
struct Mails {
    all: Vec<(String, String)>,
    newest: HashMap<String, String>,
}

#[derive(Default)]
struct Shared {
    mails: Mutex<Mails>,
    arrived: Notify,
}

enum Next<T> {
    Found(T),
    /// Another mail has arrived.
    Another,
    /// No mail has arrived for so long.
    Silence,
}

impl Sink {
    pub(crate) async fn listen(port: u16) -> io::Result<Self> {
        Ok(Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?))
    }

    pub(crate) fn on(listener: TcpListener) -> Self {
        let sink = Self::default();
        let accepting = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sink = accepting.clone();
                // A conversation that breaks off has delivered what was acknowledged.
                tokio::spawn(async move { drop(sink.converse(stream).await) });
            }
        });
        sink
    }

    /// Waits for so many mails, or until none arrives any more; returns how many there are.
    pub(crate) async fn wait_for(&self, count: usize, silence: Duration) -> usize {
        let enough = |mails: &Mails| (mails.all.len() >= count).then_some(mails.all.len());
        while !matches!(self.next(silence, enough).await, Next::Silence | Next::Found(_)) {}
        self.mails().all.len()
    }

    /// Waits for a mail to somebody, and returns the code of the newest one.
    pub(crate) async fn code_for(&self, recipient: &str, patience: Duration) -> Option<String> {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.next(left, |mails| mails.newest.get(recipient).cloned()).await {
                Next::Found(code) => return Some(code),
                Next::Silence => return None,
                Next::Another => {}
            }
        }
    }

    /// Looks for something, and waits for the next mail where it is not there.
    async fn next<T>(&self, silence: Duration, find: impl Fn(&Mails) -> Option<T>) -> Next<T> {
        let mut arrived = pin!(self.0.arrived.notified());
        // From here on a mail is noticed.
        arrived.as_mut().enable();
        if let Some(found) = find(&self.mails()) {
            return Next::Found(found);
        }
        if timeout(silence, arrived).await.is_ok() { Next::Another } else { Next::Silence }
    }

    /// Returns recipients and codes.
    pub(crate) fn codes(&self) -> Vec<(String, String)> {
        self.mails().all.clone()
    }

    fn mails(&self) -> MutexGuard<'_, Mails> {
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
                let (to, code) = (std::mem::take(&mut recipient), code.take().unwrap_or_default());
                let mut mails = self.mails();
                mails.newest.insert(to.clone(), code.clone());
                mails.all.push((to, code));
                drop(mails);
                self.0.arrived.notify_waiters();
                b"250 taken\r\n"
            } else if let Some(path) = line.strip_prefix("RCPT TO:<") {
                recipient = path.split('>').next().unwrap_or_default().to_owned();
                b"250 ok\r\n"
            } else if line.starts_with("EHLO") {
                b"250-sink.example\r\n250 PIPELINING\r\n"
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
