//! Mails as a server received them, read as by a mail program.

use base64::{Engine, engine::general_purpose::STANDARD};

/// One mail that a peer has accepted.
#[derive(Clone, Debug)]
pub struct Received {
    /// The number of the peer's connection it came over.
    pub session: usize,
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub recipients: Vec<String>,
    /// Everything after DATA, final dot included.
    pub wire: Vec<u8>,
}

impl Received {
    /// Returns the message, with dots as they were written.
    pub fn message(&self) -> String {
        let text = std::str::from_utf8(&self.wire).unwrap();
        let text = text.strip_suffix(".\r\n").unwrap();
        text.split_inclusive('\n').map(|line| line.strip_prefix('.').unwrap_or(line)).collect()
    }

    /// Returns names and values of the headers, unfolded, in order.
    pub fn headers(&self) -> Vec<(String, String)> {
        headers(&self.message())
    }

    /// Returns a header that must occur once.
    pub fn header(&self, name: &str) -> String {
        let mut values = self.headers().into_iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => value,
            _ => panic!("{name} does not occur once: {}", self.message()),
        }
    }

    /// Returns the subject, decoded.
    pub fn subject(&self) -> String {
        words(&self.header("Subject"))
    }

    /// Returns the text part, decoded, with line feeds.
    pub fn text(&self) -> String {
        self.part("text/plain")
    }

    /// Returns the HTML part, decoded, with line feeds.
    pub fn html(&self) -> String {
        self.part("text/html")
    }

    /// Returns the code: six digits alone on a line of the text.
    pub fn code(&self) -> Option<String> {
        let text = self.text();
        let code = text.lines().find(|line| line.len() == 6 && line.bytes().all(|b| b.is_ascii_digit()));
        code.map(str::to_owned)
    }

    fn part(&self, wanted: &str) -> String {
        let content_type = self.header("Content-Type");
        assert!(content_type.starts_with("multipart/alternative;"), "{content_type}");
        let boundary =
            content_type.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let message = self.message();
        let (_, body) = message.split_once("\r\n\r\n").unwrap();
        let is_wanted = |part: &str| {
            headers(part).iter().any(|(name, value)| name == "Content-Type" && value.starts_with(wanted))
        };
        let boundary = format!("--{boundary}");
        let parts = body.split(&boundary).filter_map(|part| part.strip_prefix("\r\n"));
        let found: Vec<&str> = parts.filter(|part| is_wanted(part)).collect();
        let [part] = found[..] else { panic!("{} parts of {wanted}: {message}", found.len()) };
        let (_, content) = part.split_once("\r\n\r\n").unwrap();
        let content = content.strip_suffix("\r\n").unwrap();
        let encoding = headers(part).into_iter().find(|(name, _)| name == "Content-Transfer-Encoding");
        let bytes = match encoding.as_ref().map_or("7bit", |(_, value)| value.as_str()) {
            "7bit" => content.as_bytes().to_vec(),
            "base64" => STANDARD.decode(content.replace("\r\n", "")).unwrap(),
            "quoted-printable" => quoted(&content.replace("=\r\n", "")),
            other => panic!("an encoding {other}"),
        };
        String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
    }
}

fn headers(message: &str) -> Vec<(String, String)> {
    let (head, _) = message.split_once("\r\n\r\n").unwrap();
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let parts = head.split("\r\n").map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line:?}")));
    parts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Decodes encoded words (RFC 2047).
fn words(value: &str) -> String {
    let mut decoded = String::new();
    let mut rest = value;
    while let Some((before, word)) = rest.split_once("=?utf-8?") {
        // Blanks between two of them are not text.
        if decoded.is_empty() || !before.trim().is_empty() {
            decoded.push_str(before);
        }
        let (encoding, word) = word.split_at(2);
        let (text, after) = word.split_once("?=").unwrap();
        let bytes = match encoding {
            "B?" => STANDARD.decode(text).unwrap(),
            "Q?" => quoted(&text.replace('_', " ")),
            other => panic!("an encoding {other}"),
        };
        decoded.push_str(&String::from_utf8(bytes).unwrap());
        rest = after;
    }
    decoded + rest
}

/// Decodes bytes that are written as two digits after `=`.
fn quoted(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits: String = rest.by_ref().take(2).map(char::from).collect();
            bytes.push(u8::from_str_radix(&digits, 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    bytes
}
