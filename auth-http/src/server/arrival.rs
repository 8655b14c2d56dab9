//! The arrival of requests on one connection: how long it may be idle, and how long a head may take.
//!
//! hyper has one limit for both, counted from when it begins to wait for a head. Here the head's limit counts from its
//! first byte. hyper asks its timer for a sleep whenever it begins to wait, and polls that sleep whenever what it has
//! read is not a whole head; so [`HeadTimer`] is told of the wait, [`Watched`] of the bytes, and the sleep lasts as
//! both together say.

use std::{
    collections::VecDeque,
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant as StdInstant},
};

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioTimer;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Semaphore,
    time::{Instant, sleep_until},
};

/// How long is waited for what.
#[derive(Clone, Debug)]
pub(super) struct ArrivalLimits {
    /// For the first byte of a head.
    pub(super) idle: Duration,
    /// For the rest of it.
    pub(super) head: Duration,
    /// The connections that there is room for.
    pub(super) room: Arc<Semaphore>,
    /// When less room than this is left, an idle connection is kept no longer than a head may take.
    ///
    /// Threat: connections that ask for nothing and keep everybody else out.
    pub(super) reserve: usize,
}

impl ArrivalLimits {
    fn for_idle(&self) -> Duration {
        if self.room.available_permits() < self.reserve { self.idle.min(self.head) } else { self.idle }
    }
}

/// What one connection has received, shared by its stream, its timer and its service.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    received: Arc<Mutex<Progress>>,
    patience: Arc<ArrivalLimits>,
}

impl Arrival {
    pub(super) fn new(patience: ArrivalLimits) -> Self {
        let received = Progress::new(Instant::now(), patience.for_idle());
        Self { received: Arc::new(Mutex::new(received)), patience: Arc::new(patience) }
    }

    /// Notes that a request's head was whole, and how long its body is, if that is known.
    pub(super) fn request(&self, body: Option<u64>) {
        self.received().request(body);
    }

    fn received(&self) -> MutexGuard<'_, Progress> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts bytes, and tells which of them belong to requests.
#[derive(Debug)]
struct Progress {
    /// When an idle connection ends.
    idle_until: Instant,
    first_byte: Option<Instant>,
    bytes: u64,
    lines: Lines,
    /// Where blank lines end, oldest first: heads end with one.
    blanks: VecDeque<u64>,
    /// Where the last request ends; none where its body comes in chunks, or it cannot be told.
    requested: Option<u64>,
}

/// Blank lines that are remembered: those of requests sent without waiting for answers, and of bodies.
const BLANKS: usize = 64;

impl Progress {
    fn new(now: Instant, idle: Duration) -> Self {
        Self {
            idle_until: now + idle,
            first_byte: None,
            bytes: 0,
            lines: Lines::Between,
            blanks: VecDeque::new(),
            requested: Some(0),
        }
    }

    /// The wait for a head begins.
    fn wait(&mut self, now: Instant, idle: Duration) {
        if self.is_used_up() {
            *self = Self::new(now, idle);
        } else {
            // Part of the head may have come with the request before: its time begins now.
            self.first_byte = Some(now);
        }
    }

    fn read(&mut self, bytes: &[u8], now: Instant) {
        for byte in bytes {
            self.bytes += 1;
            self.lines = self.lines.after(*byte);
            if self.lines == Lines::Blank && self.blanks.len() < BLANKS {
                self.blanks.push_back(self.bytes);
            }
        }
        if !bytes.is_empty() {
            self.first_byte.get_or_insert(now);
        }
    }

    /// The next request's head was whole; its body has so many bytes, or comes in chunks.
    fn request(&mut self, body: Option<u64>) {
        let begins = self.requested;
        let head = begins.and_then(|begins| self.blanks.iter().position(|end| *end > begins));
        let ends = head.and_then(|place| self.blanks.drain(..=place).next_back());
        self.requested = ends.zip(body).map(|(head, body)| head + body);
    }

    /// Tells whether every byte belonged to the requests so far, as far as can be told without a parser.
    fn is_used_up(&self) -> bool {
        match self.requested {
            Some(ends) => self.bytes == ends || self.lines == Lines::Between,
            // A body in chunks ends with a blank line, as a head does.
            None => matches!(self.lines, Lines::Between | Lines::Blank),
        }
    }

    fn deadline(&self, head: Duration) -> Instant {
        self.first_byte.map_or(self.idle_until, |first_byte| first_byte + head)
    }
}

/// Where in a head the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    /// Before the first line; blank ones do not count (RFC 9112 section 2.2).
    Between,
    Within,
    /// At the end of a line.
    End,
    /// At the carriage return of a line that is blank so far.
    Return,
    /// At the end of a blank line.
    Blank,
}

impl Lines {
    const fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Between | Self::Blank, b'\r' | b'\n') => Self::Between,
            (Self::End | Self::Return, b'\n') => Self::Blank,
            (Self::End, b'\r') => Self::Return,
            (Self::Within, b'\n') => Self::End,
            (Self::Between | Self::Within | Self::End | Self::Return | Self::Blank, _) => Self::Within,
        }
    }
}

/// hyper's timer for heads.
#[derive(Debug)]
pub(super) struct HeadTimer(pub(super) Arrival);

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        TokioTimer::new().sleep(duration)
    }

    /// The wait for a head begins; hyper's own limit is not asked.
    fn sleep_until(&self, _: StdInstant) -> Pin<Box<dyn Sleep>> {
        let arrival = self.0.clone();
        arrival.received().wait(Instant::now(), arrival.patience.for_idle());
        let deadline = arrival.received().deadline(arrival.patience.head);
        Box::pin(HeadSleep { arrival, sleep: Box::pin(sleep_until(deadline)) })
    }
}

/// Sleeps as long as the head may take that is waited for.
struct HeadSleep {
    arrival: Arrival,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.arrival.received().deadline(self.arrival.patience.head);
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }
}

/// A stream that notes what is read from it.
pub(super) struct Watched<S> {
    stream: S,
    arrival: Arrival,
}

impl<S> Watched<S> {
    pub(super) const fn new(stream: S, arrival: Arrival) -> Self {
        Self { stream, arrival }
    }

    /// Returns the stream alone.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        self.arrival.received().read(read, Instant::now());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(75);
    const HEAD: Duration = Duration::from_secs(10);
    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\n\r\n{}";
    const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\n\r\n2\r\n{}\r\n0\r\n\r\n";

    /// Reads these bytes, which make these requests, and waits for the next one; returns how long it waits.
    fn waits(read: &[&[u8]], requests: &[Option<u64>]) -> Duration {
        let start = Instant::now();
        let mut received = Progress::new(start, IDLE);
        for bytes in read {
            received.read(bytes, start);
        }
        for body in requests {
            received.request(*body);
        }
        received.wait(start, IDLE);
        received.deadline(HEAD) - start
    }

    #[test]
    fn a_connection_is_idle_when_every_byte_belonged_to_a_request() {
        for (what, read, requests) in [
            ("nothing yet", &[][..], &[][..]),
            ("no body", &[GET], &[Some(0)]),
            ("line feeds alone", &[&b"GET / HTTP/1.1\nHost: x\n\n"[..]], &[Some(0)]),
            ("a body", &[POST], &[Some(2)]),
            ("a body byte by byte", &[&POST[..28], &POST[28..29], &POST[29..]], &[Some(2)]),
            ("blank lines before it", &[b"\r\n\r\n", GET], &[Some(0)]),
            ("a blank line after it", &[GET, b"\r\n"], &[Some(0)]),
            ("chunks", &[CHUNKED], &[None]),
            ("two at once", &[GET, GET], &[Some(0), Some(0)]),
            ("two with bodies at once", &[POST, POST], &[Some(2), Some(2)]),
            ("a body with blank lines", &[b"POST / HTTP/1.1\r\n\r\n\n\n\n", GET], &[Some(3), Some(0)]),
        ] {
            assert_eq!(waits(read, requests), IDLE, "{what}");
        }
    }

    /// Threat: a head that is begun and never ended holds its connection for the longer time.
    #[test]
    fn part_of_a_head_that_came_with_the_request_before_is_no_idleness() {
        for (what, read, requests) in [
            ("after no body", &[GET, b"G"][..], &[Some(0)][..]),
            ("a line", &[GET, b"GET / HTTP/1.1\r\n"], &[Some(0)]),
            ("after a body", &[POST, b"GET"], &[Some(2)]),
            ("after chunks", &[CHUNKED, b"GET /"], &[None]),
            ("after two", &[GET, GET, b"GET / HTTP/1.1\r\nHost: x\r\n"], &[Some(0), Some(0)]),
            ("after two with bodies", &[POST, POST, b"P"], &[Some(2), Some(2)]),
        ] {
            assert_eq!(waits(read, requests), HEAD, "{what}");
        }
    }

    /// A client has its answer, and asks again, before hyper begins to wait.
    #[test]
    fn a_request_that_comes_before_the_wait_costs_later_waits_nothing() {
        let start = Instant::now();
        let mut received = Progress::new(start, IDLE);
        received.read(POST, start);
        received.request(Some(2));
        received.read(POST, start);
        received.wait(start, IDLE);
        assert_eq!(received.deadline(HEAD) - start, HEAD);
        received.request(Some(2));
        received.wait(start, IDLE);
        assert_eq!(received.deadline(HEAD) - start, IDLE);
    }

    #[test]
    fn a_head_has_its_time_from_its_first_byte() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut received = Progress::new(start, IDLE);
        received.read(b"", at(1));
        assert_eq!(received.deadline(HEAD), start + IDLE, "nothing has come");
        received.read(b"\r", at(60));
        received.read(b"\nGET", at(65));
        assert_eq!(received.deadline(HEAD), at(70));
        received.read(&GET[3..], at(66));
        received.request(Some(0));
        received.wait(at(80), IDLE);
        assert_eq!(received.deadline(HEAD), at(80) + IDLE);
        received.read(b"G", at(100));
        assert_eq!(received.deadline(HEAD), at(110));
    }

    #[test]
    fn idle_connections_make_room_when_there_is_little() {
        let room = Arc::new(Semaphore::new(4));
        let patience = ArrivalLimits { idle: IDLE, head: HEAD, room: Arc::clone(&room), reserve: 2 };
        let taken = room.try_acquire_many(2).unwrap();
        assert_eq!(patience.for_idle(), IDLE);
        let last = room.try_acquire().unwrap();
        assert_eq!(patience.for_idle(), HEAD);
        let short = ArrivalLimits { idle: Duration::from_secs(1), ..patience };
        assert_eq!(short.for_idle(), Duration::from_secs(1));
        drop((taken, last));
        assert_eq!(ArrivalLimits { idle: IDLE, ..short }.for_idle(), IDLE);
    }
}
