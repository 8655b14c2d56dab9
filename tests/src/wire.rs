//! Owns one connection, octet by octet: answers that follow each other, bodies in chunks, slow senders.
//!
//! For everything that one whole request cannot show; `client.rs` has those.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use crate::{Answer, Server, parse};

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

    /// Writes the head of a request of JSON that says how long its body is, or anything else about it.
    pub fn head(&self, path: &str, about_the_body: &str) -> String {
        let host = self.authority();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{about_the_body}\r\n\r\n"
        )
    }
}

impl Wire {
    /// Takes a connection that is open.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// Writes octets; false once the server has closed.
    pub fn send(&mut self, octets: impl AsRef<[u8]>) -> bool {
        self.stream.get_mut().write_all(octets.as_ref()).is_ok()
    }

    /// Shuts the sending side: nothing more will come.
    pub fn finish_sending(&mut self) {
        self.stream.get_mut().shutdown(Shutdown::Write).unwrap();
    }

    /// Reads one answer, as long as its Content-Length says; none once the server has closed.
    pub fn answer(&mut self) -> Option<Answer> {
        let mut octets = Vec::new();
        while !octets.ends_with(b"\r\n\r\n") {
            if self.stream.read_until(b'\n', &mut octets).ok()? == 0 {
                return None;
            }
        }
        let mut answer = parse(&octets);
        let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        answer.body = String::from_utf8(body).unwrap();
        Some(answer)
    }

    /// Reads until the server closes.
    pub fn rest(mut self) -> String {
        let mut octets = Vec::new();
        // A reset ends it as well; what came before stays.
        let _ = self.stream.read_to_end(&mut octets);
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Sends one octet after the other, as long as the server bears it; returns what it says.
    pub fn dribble(mut self, octets: &[u8], every: Duration) -> String {
        self.stream.get_mut().set_read_timeout(Some(every)).unwrap();
        for octet in octets {
            // An octet that cannot be written any more shows in the reading.
            let _ = self.stream.get_mut().write_all(&[*octet]);
            match self.stream.fill_buf() {
                Err(nothing) if matches!(nothing.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Ok(_) | Err(_) => break,
            }
        }
        self.stream.get_mut().set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        self.rest()
    }
}
