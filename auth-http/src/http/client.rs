//! Whose address a request is counted against.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::IpNet;
use poem::http::HeaderMap;

use super::forwarded::UnreadableEntry;
use crate::{config::ForwardedHeader, once_a_minute::OnceAMinute};

/// The proxies that are ours, and the header in which they say for whom they ask.
#[derive(Debug)]
pub struct Proxies {
    trusted: Vec<IpNet>,
    header: ForwardedHeader,
    unreadable: OnceAMinute,
    missing: OnceAMinute,
}

/// A request's address, and what an operator should know of how it was found.
#[derive(Debug, PartialEq, Eq)]
struct ClientAddress {
    address: IpAddr,
    doubt: Option<Doubt>,
}

#[derive(Debug, PartialEq, Eq)]
enum Doubt {
    /// A proxy of ours wrote what cannot be read.
    UnreadableEntry { entry: String, why: UnreadableEntry },
    /// A proxy of ours wrote nothing.
    Missing,
}

impl Proxies {
    /// Believes these peers, and this header of theirs.
    #[must_use]
    pub fn new(trusted: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self { trusted, header, unreadable: OnceAMinute::default(), missing: OnceAMinute::default() }
    }

    /// Returns the peer's address, or behind trusted proxies the rightmost one that is not theirs.
    ///
    /// Threat: a header that anybody can send (CVE-2026-45364). It counts only if the peer is a
    /// proxy of ours, and only as far as our proxies wrote it. The header that they do not write is the
    /// client's, so it is not looked at.
    pub(super) fn address(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> IpAddr {
        // A request without a socket comes from inside the process.
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical();
        let ClientAddress { address, doubt } = self.find(peer, headers);
        if let Some(doubt) = doubt {
            self.tell(address, &doubt);
        }
        address
    }

    fn find(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        if !self.is_ours(peer) {
            return ClientAddress { address: peer, doubt: None };
        }
        let (mut nearest, mut doubt) = (peer, Some(Doubt::Missing));
        for line in headers.get_all(self.header.name()).iter().rev() {
            // What a client wrote further left need not be text.
            let line: Cow<'_, str> = String::from_utf8_lossy(line.as_bytes());
            let mut rest = Some(&*line);
            while let Some(list) = rest {
                let (before, entry) = self.header.split_last(list);
                match self.header.address(entry) {
                    Ok(address) => nearest = address.to_canonical(),
                    // Entries further left cannot be trusted any more: the last good one counts.
                    Err(why) => {
                        let entry = shape(entry);
                        return ClientAddress {
                            address: nearest,
                            doubt: Some(Doubt::UnreadableEntry { entry, why }),
                        };
                    }
                }
                if !self.is_ours(nearest) {
                    return ClientAddress { address: nearest, doubt: None };
                }
                (rest, doubt) = (before, None);
            }
        }
        ClientAddress { address: nearest, doubt }
    }

    fn is_ours(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// All that these clients ask for is counted against one address: an operator must learn of it.
    fn tell(&self, counted: IpAddr, doubt: &Doubt) {
        let header = self.header.name();
        match doubt {
            Doubt::UnreadableEntry { entry, why } => {
                if let Some(held_back) = self.unreadable.pass() {
                    tracing::warn!(
                        header, %counted, entry, %why, held_back,
                        "the entry of a trusted proxy cannot be read: its clients share one rate limit"
                    );
                }
            }
            Doubt::Missing => {
                if let Some(held_back) = self.missing.pass() {
                    tracing::warn!(
                        header, %counted, held_back,
                        "a trusted proxy sends no such header: its clients share one rate limit; see \
                         AUTH_FORWARDED_HEADER and AUTH_TRUSTED_PROXIES"
                    );
                }
            }
        }
    }
}

/// Returns what an entry looks like. Threat: logs that list clients' addresses, or whatever clients wrote.
fn shape(entry: &str) -> String {
    let shown = |character: char| match character {
        '0'..='9' => '0',
        other if other.is_alphanumeric() => 'a',
        other => other,
    };
    entry.trim().chars().take(64).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::{HeaderName, HeaderValue};

    /// Returns the address, and whether there is a doubt about it.
    fn of(header: ForwardedHeader, peer: &str, lines: &[(&'static str, &str)]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let trusted = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let found = Proxies::new(trusted, header).find(peer.parse().unwrap(), &headers);
        (found.address.to_string(), found.doubt.is_some())
    }

    #[test]
    fn client_address_is_a_table() {
        for (what, peer, forwarded, expected, doubt) in [
            ("no proxy, no header", "192.0.2.1", &[][..], "192.0.2.1", false),
            ("a stranger's header counts for nothing", "192.0.2.1", &["203.0.113.9"], "192.0.2.1", false),
            ("nor is a stranger's rubbish told", "192.0.2.1", &["rubbish"], "192.0.2.1", false),
            ("our proxy's header counts", "10.0.0.1", &["203.0.113.9"], "203.0.113.9", false),
            (
                "what the client wrote before it does not",
                "10.0.0.1",
                &["1.1.1.1, 203.0.113.9"],
                "203.0.113.9",
                false,
            ),
            ("nor if it is rubbish", "10.0.0.1", &["\u{e9}\", 203.0.113.9"], "203.0.113.9", false),
            ("with a port", "10.0.0.1", &["1.1.1.1, 203.0.113.9:51234"], "203.0.113.9", false),
            ("IPv6 with a port", "10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7", false),
            (
                "our inner proxies are skipped",
                "10.0.0.1",
                &["203.0.113.9, 10.0.0.2:80"],
                "203.0.113.9",
                false,
            ),
            ("several lines are one list", "10.0.0.1", &["203.0.113.9", "10.0.0.2"], "203.0.113.9", false),
            ("rubbish ends the list", "10.0.0.1", &["203.0.113.9, rubbish, 10.0.0.2"], "10.0.0.2", true),
            ("so does nothing between commas", "10.0.0.1", &["203.0.113.9, "], "10.0.0.1", true),
            ("all of them are ours", "10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3", false),
            ("without a header the proxy counts", "10.0.0.1", &[], "10.0.0.1", true),
            ("IPv6 and mapped IPv4", "fd00::1", &["::ffff:203.0.113.9"], "203.0.113.9", false),
        ] {
            let lines: Vec<_> = forwarded.iter().map(|line| ("x-forwarded-for", *line)).collect();
            let found = of(ForwardedHeader::XForwardedFor, peer, &lines);
            assert_eq!(found, (expected.to_owned(), doubt), "{what}");
        }
    }

    #[test]
    fn the_header_that_is_not_chosen_is_not_looked_at() {
        use ForwardedHeader::{Forwarded, XForwardedFor};
        let both = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.2")];
        assert_eq!(of(XForwardedFor, "10.0.0.1", &both), ("198.51.100.1".to_owned(), false));
        assert_eq!(of(Forwarded, "10.0.0.1", &both), ("198.51.100.2".to_owned(), false));
        assert_eq!(of(XForwardedFor, "10.0.0.1", &both[1..]), ("10.0.0.1".to_owned(), true));
        assert_eq!(of(Forwarded, "10.0.0.1", &both[..1]), ("10.0.0.1".to_owned(), true));
    }

    #[test]
    fn shapes_tell_no_address() {
        assert_eq!(shape(" 198.51.100.7:99999999 "), "000.00.000.0:00000000");
        assert_eq!(shape("for=\"_Ada\u{e9}\""), "aaa=\"_aaaa\"");
        assert_eq!(shape(&"x".repeat(20_000)).len(), 64);
    }
}
