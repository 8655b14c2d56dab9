//! The client that a request is counted against, and its rate limit.

use core::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::micros;

/// One client of the rate limiter: an IPv4 address, or an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client(IpAddr);

/// For people an address; as bytes the octets, in one piece as all bytes are.
impl Serialize for Client {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            address if to.is_human_readable() => address.serialize(to),
            IpAddr::V4(v4) => to.serialize_bytes(&v4.octets()),
            IpAddr::V6(v6) => to.serialize_bytes(&v6.octets()),
        }
    }
}

impl<'de> Deserialize<'de> for Client {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            return IpAddr::deserialize(from).map(Self::of);
        }
        Self::from_octets(<&[u8]>::deserialize(from)?).ok_or_else(|| D::Error::custom("no client"))
    }
}

impl Client {
    /// Returns the client that an address belongs to.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            // Threat: a single subscriber has 2^64 addresses and would never be limited.
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
        }
    }

    /// Returns the client that an address of 4 or 16 octets belongs to; `None` for another number of octets.
    // Inlined into everything that reads a client, it would add kilobytes.
    #[inline(never)]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
        v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok().map(Self::of)
    }

    /// Returns the IPv4 address, or the first address of the /64.
    pub const fn address(self) -> IpAddr {
        self.0
    }
}

/// A rate limit: a token bucket of `requests` per `period`, evenly refilled. After a pause all of them may come at
/// once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// The number of requests, at least one.
    pub requests: NonZeroU32,
    /// The time to refill an empty bucket.
    #[serde(with = "micros")]
    pub period: Duration,
}

/// Returns the character where it is printable ASCII, `?` for others.
pub(super) fn printable(character: char) -> char {
    if character == ' ' || character.is_ascii_graphic() { character } else { '?' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn client(text: &str) -> alloc::string::String {
        Client::of(text.parse().unwrap()).address().to_string()
    }

    #[test]
    fn ipv6_counts_per_64_and_mapped_ipv4_as_ipv4() {
        assert_eq!(client("192.0.2.7"), "192.0.2.7");
        assert_eq!(client("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::1"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
    }

    #[test]
    fn as_bytes_a_client_is_its_octets_and_for_people_its_address() {
        for (text, octets) in [
            ("192.0.2.7", &[192, 0, 2, 7][..]),
            ("2001:db8::", &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            let client = Client::of(text.parse().unwrap());
            assert_eq!(Client::from_octets(octets), Some(client));
            let written = postcard::to_allocvec(&client).unwrap();
            assert_eq!(written.split_first(), Some((&(octets.len() as u8), octets)));
            assert_eq!(postcard::from_bytes::<Client>(&written), Ok(client));
            let json = serde_json::to_string(&client).unwrap();
            assert_eq!(json, alloc::format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Client>(&json).unwrap(), client);
        }
        for wrong in [0, 3, 5, 15, 17] {
            let octets = alloc::vec![1; wrong];
            assert_eq!(Client::from_octets(&octets), None);
            assert!(postcard::from_bytes::<Client>(&postcard::to_allocvec(&octets).unwrap()).is_err());
        }
    }
}
