//! The client that a request is counted against, and its rate limit.

use core::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::micros;

/// One client of the rate limiter: an IPv4 address, or an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client(IpAddr);

impl serde::Serialize for Client {
    #[inline(never)]
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            return self.0.serialize(to);
        }
        match self.0 {
            IpAddr::V4(v4) => to.serialize_bytes(&v4.octets()),
            IpAddr::V6(v6) => to.serialize_bytes(&v6.octets()),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Client {
    #[inline(never)]
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            return IpAddr::deserialize(from).map(Self::of);
        }
        let bytes = <&[u8]>::deserialize(from)?;
        let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
        let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
        address.map(Self::of).map_err(|_| serde::de::Error::custom("4 or 16 bytes"))
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

    /// Returns the IPv4 address, or the first address of the /64.
    pub const fn address(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        Self::of(address)
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
}
