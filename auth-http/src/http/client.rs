//! Owns whose address a request is counted against.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use poem::http::HeaderMap;

/// Returns the peer's address, or behind trusted proxies the rightmost one that is not theirs.
///
/// Threat: a header that anybody can send (CVE-2026-45364). It counts only if the peer is a
/// proxy of ours, and only as far as our proxies wrote it.
pub(super) fn address(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    // A request without a socket comes from inside the process.
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical();
    let is_ours = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    if !is_ours(&peer) {
        return peer;
    }
    let mut nearest = peer;
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    for line in lines {
        for hop in line.to_str().unwrap_or_default().rsplit(',') {
            // What is no address was not written by a proxy of ours: the last good one counts.
            let Ok(address) = hop.trim().parse::<IpAddr>() else { return nearest };
            nearest = address.to_canonical();
            if !is_ours(&nearest) {
                return nearest;
            }
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::HeaderValue;

    fn of(peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        address(Some(peer.parse().unwrap()), &headers, &trusted).to_string()
    }

    #[test]
    fn client_address_is_a_table() {
        for (what, peer, forwarded, expected) in [
            ("no proxy, no header", "192.0.2.1", &[][..], "192.0.2.1"),
            ("a stranger's header counts for nothing", "192.0.2.1", &["203.0.113.9"], "192.0.2.1"),
            ("our proxy's header counts", "10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            (
                "what the client wrote before it does not",
                "10.0.0.1",
                &["1.1.1.1, 203.0.113.9"],
                "203.0.113.9",
            ),
            ("our inner proxies are skipped", "10.0.0.1", &["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            ("several lines are one list", "10.0.0.1", &["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
            ("rubbish ends the list", "10.0.0.1", &["203.0.113.9, rubbish, 10.0.0.2"], "10.0.0.2"),
            ("without a header the proxy counts", "10.0.0.1", &[], "10.0.0.1"),
            ("IPv6 and mapped IPv4", "fd00::1", &["::ffff:203.0.113.9"], "203.0.113.9"),
        ] {
            assert_eq!(of(peer, forwarded), expected, "{what}");
        }
    }
}
