//! What a forwarding header says: `X-Forwarded-For`, a list of addresses, or `Forwarded` (RFC 7239), a list of
//! elements. Whom to believe is decided in `client.rs`.
//!
//! Both are read from the right, entry by entry. Threat: what stands further left is the client's own, and an open
//! quote or a broken list there must not change how the entries of our proxies are read.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::config::ForwardedHeader;

/// The reason why an entry names no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnreadableEntry {
    /// The proxy does not know for whom it asks (RFC 7239 section 6.2).
    #[error("the proxy says that it does not know the client")]
    Unknown,
    /// The proxy keeps it to itself (RFC 7239 section 6.3).
    #[error("the proxy hides the client behind a name of its own")]
    Obfuscated,
    /// An element of `Forwarded` has no `for`, or several.
    #[error("the element has not exactly one for=")]
    NoFor,
    /// It is something else.
    #[error("it is no address")]
    NoAddress,
}

impl ForwardedHeader {
    /// Returns the name of the header.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }

    /// Removes the last entry of a list; the rest is `None` once the list is empty.
    pub(super) fn split_last(self, list: &str) -> (Option<&str>, &str) {
        match self {
            Self::XForwardedFor => match list.rsplit_once(',') {
                Some((rest, last)) => (Some(rest), last),
                None => (None, list),
            },
            Self::Forwarded => split_last_unquoted(list, b','),
        }
    }

    /// Reads the address in an entry, with or without a port.
    pub(super) fn address(self, entry: &str) -> Result<IpAddr, UnreadableEntry> {
        match self {
            Self::XForwardedFor => node(entry.trim()),
            Self::Forwarded => node(unquoted(the_for(entry)?)?.trim()),
        }
    }
}

/// Splits at the last separator outside of a quoted string (RFC 9110 section 5.6.4).
fn split_last_unquoted(list: &str, separator: u8) -> (Option<&str>, &str) {
    let (bytes, mut quoted) = (list.as_bytes(), false);
    for (at, byte) in bytes.iter().enumerate().rev() {
        if *byte == b'"' {
            // From the right, the first quote closes; what opens has no backslash before it, or an even number.
            let backslashes = bytes[..at].iter().rev().take_while(|before| **before == b'\\').count();
            quoted = !quoted || backslashes % 2 == 1;
        } else if *byte == separator && !quoted {
            return (Some(&list[..at]), &list[at + 1..]);
        }
    }
    (None, list)
}

/// Returns the value of the one `for` in an element.
fn the_for(element: &str) -> Result<&str, UnreadableEntry> {
    let (mut found, mut rest) = (None, Some(element));
    while let Some(pairs) = rest {
        let (before, pair) = split_last_unquoted(pairs, b';');
        rest = before;
        if let Some((name, value)) = pair.split_once('=')
            && name.trim().eq_ignore_ascii_case("for")
            && found.replace(value.trim()).is_some()
        {
            return Err(UnreadableEntry::NoFor);
        }
    }
    found.ok_or(UnreadableEntry::NoFor)
}

/// Takes the quotes off a value that has some.
fn unquoted(value: &str) -> Result<Cow<'_, str>, UnreadableEntry> {
    let Some(open) = value.strip_prefix('"') else { return Ok(value.into()) };
    let inner = open.strip_suffix('"').ok_or(UnreadableEntry::NoAddress)?;
    let (mut text, mut characters) = (String::new(), inner.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next().ok_or(UnreadableEntry::NoAddress)?),
            '"' => return Err(UnreadableEntry::NoAddress),
            other => text.push(other),
        }
    }
    Ok(text.into())
}

/// Reads `198.51.100.7`, `198.51.100.7:51234`, `2001:db8::7`, `[2001:db8::7]` or `[2001:db8::7]:4711`.
fn node(text: &str) -> Result<IpAddr, UnreadableEntry> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|open| open.split_once(']')) {
        let address = address.parse::<Ipv6Addr>().map_err(|_| UnreadableEntry::NoAddress)?;
        let complete = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        return if complete { Ok(address.into()) } else { Err(UnreadableEntry::NoAddress) };
    }
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    if port.is_some_and(|port| !is_port(port)) {
        return Err(UnreadableEntry::NoAddress);
    }
    if name.eq_ignore_ascii_case("unknown") {
        return Err(UnreadableEntry::Unknown);
    }
    if is_obfuscated(name) {
        return Err(UnreadableEntry::Obfuscated);
    }
    name.parse::<Ipv4Addr>().map(IpAddr::from).map_err(|_| UnreadableEntry::NoAddress)
}

/// A number, or a name of the proxy's own (RFC 7239 section 6).
fn is_port(text: &str) -> bool {
    let number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    number || is_obfuscated(text)
}

fn is_obfuscated(text: &str) -> bool {
    let name = text.strip_prefix('_').unwrap_or_default();
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads every entry of a list, from the right.
    fn read(header: ForwardedHeader, list: &str) -> Vec<Result<String, UnreadableEntry>> {
        let (mut entries, mut rest) = (Vec::new(), Some(list));
        while let Some(list) = rest {
            let (before, entry) = header.split_last(list);
            entries.push(header.address(entry).map(|address| address.to_string()));
            rest = before;
        }
        entries
    }

    #[test]
    fn addresses_stand_with_and_without_ports_and_brackets() {
        for (entry, address) in [
            ("198.51.100.7", "198.51.100.7"),
            ("198.51.100.7:51234", "198.51.100.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("::ffff:198.51.100.7", "::ffff:198.51.100.7"),
            ("\t198.51.100.7:0 ", "198.51.100.7"),
        ] {
            assert_eq!(read(ForwardedHeader::XForwardedFor, entry), [Ok(address.to_owned())], "{entry}");
            for element in [format!("for={entry}"), format!("proto=https; For=\"{entry}\";by=_x")] {
                assert_eq!(read(ForwardedHeader::Forwarded, &element), [Ok(address.to_owned())], "{element}");
            }
        }
    }

    #[test]
    fn what_names_no_address_says_why() {
        use UnreadableEntry::{NoAddress, Obfuscated, Unknown};
        for (entry, why) in [
            ("unknown", Unknown),
            ("Unknown:80", Unknown),
            ("_hidden", Obfuscated),
            ("_SEVKISEK:_p0rt", Obfuscated),
            ("", NoAddress),
            ("_", NoAddress),
            ("client.example.org", NoAddress),
            ("198.51.100.7:", NoAddress),
            ("198.51.100.7:http", NoAddress),
            ("198.51.100.7:123456", NoAddress),
            ("198.51.100.7:80:80", NoAddress),
            ("198.51.100.256", NoAddress),
            ("198.51.100.07", NoAddress),
            ("[198.51.100.7]:80", NoAddress),
            ("[2001:db8::7", NoAddress),
            ("2001:db8::7]:80", NoAddress),
            ("[2001:db8::7]80", NoAddress),
            ("[fe80::1%eth0]", NoAddress),
            ("é", NoAddress),
        ] {
            assert_eq!(read(ForwardedHeader::XForwardedFor, entry), [Err(why)], "{entry}");
            assert_eq!(read(ForwardedHeader::Forwarded, &format!("for=\"{entry}\"")), [Err(why)], "{entry}");
        }
    }

    #[test]
    fn elements_are_read_from_the_right_whatever_stands_before_them() {
        use UnreadableEntry::{NoAddress, NoFor};
        let ok = |address: &str| Ok(address.to_owned());
        for (list, entries) in [
            ("for=192.0.2.1, for=198.51.100.7", vec![ok("198.51.100.7"), ok("192.0.2.1")]),
            ("for=192.0.2.1;by=203.0.113.1,FOR=198.51.100.7", vec![ok("198.51.100.7"), ok("192.0.2.1")]),
            (r#"for="\[2001:db8::7\]:4711""#, vec![ok("2001:db8::7")]),
            (r#"host="a,b;for=1.1.1.1\", for=2.2.2.2";for=198.51.100.7"#, vec![ok("198.51.100.7")]),
            (r#"host="a\\";for=198.51.100.7, for=192.0.2.1"#, vec![ok("192.0.2.1"), ok("198.51.100.7")]),
            ("proto=https;by=203.0.113.1", vec![Err(NoFor)]),
            ("for=192.0.2.1;for=198.51.100.7", vec![Err(NoFor)]),
            ("", vec![Err(NoFor)]),
            (r#"for=192.0.2.1, for="x"#, vec![Err(NoAddress)]),
            // What a client left open does not swallow the proxy's element.
            (r#"for=1.1.1.1;x=", for=198.51.100.7"#, vec![ok("198.51.100.7"), Err(NoAddress)]),
            (r#"for=1.1.1.1;x=", for="[2001:db8::7]:4711""#, vec![ok("2001:db8::7"), Err(NoAddress)]),
            (r#"for=1.1.1.1;x="\, for="198.51.100.7:80""#, vec![ok("198.51.100.7"), Err(NoAddress)]),
        ] {
            assert_eq!(read(ForwardedHeader::Forwarded, list), entries, "{list}");
        }
    }
}
