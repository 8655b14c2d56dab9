//! A connection's stream as hyper sees it: its own answers to heads that it cannot read are held back, and the end is
//! left to `ending.rs`.
//!
//! hyper answers such a head with a status and nothing else, and always last on a connection. Every answer of ours
//! has a request id, so the two cannot be mixed up.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use poem::http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_io_timeout::TimeoutStream;

/// Bytes of an Origin header's line; browsers send less than half of it.
const ORIGIN_LINE: usize = 512;
/// Bytes of an answer that hyper makes by itself; they are some 120.
const CANNED: usize = 256;

/// A stream between a client and hyper.
pub(super) struct ConnectionStream {
    inner: Pin<Box<TimeoutStream<TcpStream>>>,
    /// What the client sends, looked through for its origin.
    pub(super) heads: Heads,
    /// The answer of hyper's own that was held back.
    pub(super) held_back: Option<Canned>,
}

impl ConnectionStream {
    /// Takes a stream.
    pub(super) fn new(inner: Pin<Box<TimeoutStream<TcpStream>>>) -> Self {
        Self { inner, heads: Heads::default(), held_back: None }
    }

    /// Returns the stream itself, to which the end is written.
    pub(super) fn inner(&mut self) -> Pin<&mut TimeoutStream<TcpStream>> {
        self.inner.as_mut()
    }
}

impl AsyncRead for ConnectionStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(this.inner.as_mut().poll_read(context, buffer))?;
        this.heads.see(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ConnectionStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        written: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(canned) = Canned::at_the_end_of(written) else {
            return this.inner.as_mut().poll_write(context, written);
        };
        match written.get(..written.len().saturating_sub(canned.length)) {
            Some(before) if !before.is_empty() => this.inner.as_mut().poll_write(context, before),
            Some(_) | None => {
                this.held_back = Some(canned);
                Poll::Ready(Ok(written.len()))
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        written: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // hyper's own answer has no body, so it comes whole, at the end of the one slice of heads.
        match written {
            [heads] => self.poll_write(context, heads),
            _ => self.get_mut().inner.as_mut().poll_write_vectored(context, written),
        }
    }

    // Threat: each client that asks for a page and reads it slowly holds a copy; vectored, hyper writes the one that
    // all of them share.
    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().inner.as_mut().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// An answer that hyper made by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Canned {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its date.
    pub(super) date: Option<String>,
    length: usize,
}

impl Canned {
    fn at_the_end_of(written: &[u8]) -> Option<Self> {
        let tail = written.get(written.len().saturating_sub(CANNED)..)?;
        let begins = tail.windows(7).rposition(|window| window == b"HTTP/1.")?;
        let head = str::from_utf8(tail.get(begins..)?).ok()?.strip_suffix("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let is_hypers = matches!(
            status,
            StatusCode::BAD_REQUEST | StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        );
        let headers: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ")).collect::<Option<_>>()?;
        let named = |wanted: &str| {
            headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value)
        };
        let is_ours = named("x-request-id").is_some();
        (is_hypers && !is_ours && named("content-length") == Some("0")).then(|| Self {
            status,
            date: named("date").map(str::to_owned),
            length: head.len().saturating_add(4),
        })
    }
}

/// The heads that a client sends, as far as an answer to one that cannot be read needs them.
///
/// Bodies run through here, too. Whoever writes an Origin header into one gets it back, and a browser still compares it
/// with the page's own.
#[derive(Debug, Default)]
pub(super) struct Heads {
    line: Vec<u8>,
    origin: Option<Vec<u8>>,
    /// Whether the last line was the empty one that ends a head.
    pub(super) ended: bool,
}

impl Heads {
    /// Examines what was read.
    pub(super) fn see(&mut self, read: &[u8]) {
        for part in read.split_inclusive(|byte| *byte == b'\n') {
            let room = ORIGIN_LINE.saturating_sub(self.line.len());
            self.line.extend(part.iter().take(room));
            if part.ends_with(b"\n") {
                self.line_ends();
            }
        }
    }

    /// Returns the value of the Origin header in the last head.
    pub(super) fn origin(&self) -> Option<&[u8]> {
        self.origin.as_deref()
    }

    fn line_ends(&mut self) {
        if std::mem::replace(&mut self.ended, false) {
            self.origin = None;
        }
        let (name, value) = self.line.split_at(self.line.len().min(7));
        if name.eq_ignore_ascii_case(b"origin:") && self.line.len() < ORIGIN_LINE {
            self.origin = Some(value.trim_ascii().to_owned());
        }
        self.ended = self.line.trim_ascii().is_empty();
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\
                          date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";

    #[test]
    fn only_hypers_own_answer_is_held_back() {
        let canned = Canned::at_the_end_of(ANSWER.as_bytes()).unwrap();
        assert_eq!(canned.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert_eq!(canned.date.as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        assert_eq!(canned.length, ANSWER.len());
        let before = "HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-length: 2\r\n\r\n{}".repeat(20);
        let both = Canned::at_the_end_of(format!("{before}{ANSWER}").as_bytes());
        assert_eq!(both, Some(canned), "behind others");
        for other in [
            before,
            ANSWER.replace("431", "404"),
            ANSWER.replace("connection: close", "x-request-id: 1"),
            ANSWER.replace("content-length: 0", "content-length: 2") + "{}",
            format!("{ANSWER}x"),
            format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(500)),
            String::new(),
        ] {
            assert_eq!(Canned::at_the_end_of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn origin_of_the_last_head_is_found_however_it_is_cut() {
        let long = format!("Origin: https://{}\r\n", "x".repeat(ORIGIN_LINE));
        for (text, expected) in [
            ("GET / HTTP/1.1\r\nOrigin: https://a.example\r\n", Some("https://a.example")),
            ("GET / HTTP/1.1\r\noRIGIN:https://a.example \r\n\r\n", Some("https://a.example")),
            ("GET / HTTP/1.1\r\nOrigin: https://a.example\r\n\r\nGET / HTTP/1.1\r\n", None),
            ("GET / HTTP/1.1\r\nX: Origin: https://a.example\r\n", None),
            ("GET / HTTP/1.1\r\nOrigin: https://a.exam", None),
            ("GET / HTTP/1.1\r\nOriginal: x\r\n", None),
            (&long, None),
        ] {
            for size in [1, 3, 1000] {
                let mut heads = Heads::default();
                text.as_bytes().chunks(size).for_each(|read| heads.see(read));
                assert_eq!(heads.origin(), expected.map(str::as_bytes), "{text:?} in pieces of {size}");
                assert_eq!(heads.ended, text.ends_with("\r\n\r\n"), "{text:?}");
            }
        }
    }
}
