//! One connection, byte by byte: consecutive answers, bodies in chunks, slow senders.
//!
//! For everything that one complete request cannot show; `client.rs` has those.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use crate::{HttpAnswer, Server, parse};

/// One open connection.
pub struct Wire {
    stream: BufReader<TcpStream>,
}

impl Server {
    /// Opens a connection.
    pub fn wire(&self) -> Wire {
        Wire::new(self.connect())
    }

    /// Opens a connection to a server that may have ended.
    pub fn try_wire(&self) -> Option<Wire> {
        TcpStream::connect(self.authority()).ok().map(Wire::new)
    }

    /// Writes the head of a JSON request, with its body's length or other headers.
    pub fn head(&self, path: &str, about_the_body: &str) -> String {
        let host = self.authority();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{about_the_body}\r\n\r\n"
        )
    }
}

impl Wire {
    /// Uses an open connection.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// Writes bytes; returns false once the server has closed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.get_mut().write_all(bytes.as_ref()).is_ok()
    }

    /// Shuts the sending side.
    pub fn finish_sending(&mut self) {
        self.stream.get_mut().shutdown(Shutdown::Write).unwrap();
    }

    /// Reads one answer of the length that its Content-Length says; none once the server has closed.
    pub fn answer(&mut self) -> Option<HttpAnswer> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            if self.stream.read_until(b'\n', &mut bytes).ok()? == 0 {
                return None;
            }
        }
        let mut answer = parse(&bytes);
        let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        answer.body = String::from_utf8(body).unwrap();
        Some(answer)
    }

    /// Reads until the server closes.
    pub fn rest(mut self) -> String {
        let mut bytes = Vec::new();
        // A reset ends it as well; the bytes before it stay.
        let _ = self.stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends one byte after the other, as long as the server accepts them; returns its answer.
    pub fn dribble(mut self, bytes: &[u8], every: Duration) -> String {
        self.stream.get_mut().set_read_timeout(Some(every)).unwrap();
        for byte in bytes {
            // A byte that can no longer be written shows when reading.
            let _ = self.stream.get_mut().write_all(&[*byte]);
            match self.stream.fill_buf() {
                Err(nothing) if matches!(nothing.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Ok(_) | Err(_) => break,
            }
        }
        self.stream.get_mut().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        self.rest()
    }
}
