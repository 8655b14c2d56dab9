//! Owns how fixed numbers of octets, and secrets, travel: in snapshots, transcripts and over the wire.
//!
//! In one piece behind their length: serde's own way goes octet by octet, in the code as well.

use core::fmt;

use serde::{
    Deserializer, Serializer,
    de::{Error, SeqAccess, Visitor},
};

use crate::Secret;

pub(crate) fn serialize<const N: usize, S: Serializer>(octets: &[u8; N], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(octets)
}

pub(crate) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(from: D) -> Result<[u8; N], D::Error> {
    struct Octets<const N: usize>;

    impl<'de, const N: usize> Visitor<'de> for Octets<N> {
        type Value = [u8; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("octets")
        }

        fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<[u8; N], E> {
            octets.try_into().map_err(|_| E::custom("another number of octets"))
        }

        // What JSON and the like have.
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<[u8; N], A::Error> {
            let mut octets = [0; N];
            for octet in &mut octets {
                *octet = seq.next_element()?.ok_or_else(|| A::Error::custom("too few octets"))?;
            }
            Ok(octets)
        }
    }

    from.deserialize_bytes(Octets)
}

/// The same for a secret.
pub(crate) mod secret {
    use super::{Deserializer, Secret, Serializer};

    pub(crate) fn serialize<S: Serializer>(secret: &Secret<[u8; 32]>, to: S) -> Result<S::Ok, S::Error> {
        super::serialize(secret.expose(), to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<[u8; 32]>, D::Error> {
        super::deserialize(from).map(Secret::new)
    }
}

/// The same for a secret text.
pub(crate) mod text {
    use alloc::string::String;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Secret;

    pub(crate) fn serialize<S: Serializer>(secret: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
        secret.expose().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}
