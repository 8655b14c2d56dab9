//! What is sent: an RFC 5322 message in 7 bits, as it goes over the wire.

use auth_core::{Secret, SendMail, Time};
use mail_builder::{
    MessageBuilder,
    headers::{address::Address, raw::Raw},
};

use super::mail_templates::Rendered;
use crate::config::MailFrom;

/// The longest line (RFC 5322 section 2.1.1).
const LONGEST_LINE: usize = 998;

/// Writes a mail, with dots doubled (RFC 5321 section 4.5.2) and without the final one.
///
/// # Errors
/// The reason why it must not be sent.
pub(super) fn message(
    from: &MailFrom,
    reply_to: Option<&MailFrom>,
    order: &SendMail,
    rendered: &Rendered,
    at: Time,
) -> Result<Secret<Vec<u8>>, String> {
    let sender = from.address.recipient();
    let sender = sender.as_str();
    let domain = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
    // Saturates times out of range.
    let seconds = i64::try_from(at.as_micros() / 1_000_000).unwrap_or(i64::MAX);
    let (text, html) =
        (Secret::new(lines(rendered.text.expose())), Secret::new(lines(rendered.html.expose())));
    let message = MessageBuilder::new()
        .from(mailbox(&from.name, sender))
        .to(Address::new_address(None::<&str>, order.to.as_str()))
        .subject(rendered.subject.as_str())
        // Retries have the same, so readers may see that it is the same mail. mail-builder's own shows
        // the machine's name.
        .message_id(format!("{}@{domain}", order.id))
        .date(seconds)
        // RFC 3834: no machine answers this, holidays included.
        .header("Auto-Submitted", Raw::new("auto-generated"))
        // The same for Microsoft Exchange, which reads a header of its own.
        .header("X-Auto-Response-Suppress", Raw::new("All"))
        .text_body(text.expose().as_str())
        .html_body(html.expose().as_str());
    let reply_to = reply_to.map(|reply_to| (&reply_to.name, reply_to.address.recipient()));
    let message = match &reply_to {
        Some((name, address)) => message.reply_to(mailbox(name, address.as_str())),
        None => message,
    };
    let message = Secret::new(message.write_to_vec().map_err(|error| error.to_string())?);
    doubled(message.expose())
}

fn mailbox<'a>(name: &'a str, address: &'a str) -> Address<'a> {
    Address::new_address((!name.is_empty()).then_some(name), address)
}

/// Ends each line with one line feed, and leaves out what is no text.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

fn doubled(message: &[u8]) -> Result<Secret<Vec<u8>>, String> {
    let mut wire = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        // Threat: bytes that servers on the way read as the end of the mail and the beginning of another.
        let clean = |byte: &u8| byte.is_ascii() && !b"\r\n\0".contains(byte);
        if text.len() > LONGEST_LINE || !text.iter().all(clean) {
            return Err("it has a line that is too long, or not of 7 bits".to_owned());
        }
        if text.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(text);
        wire.extend_from_slice(b"\r\n");
    }
    Ok(Secret::new(wire))
}
