//! Serialization of byte arrays and secrets: in snapshots, transcripts and over the wire.
//!
//! In one piece with its length first: serde's own way handles each byte separately, in the machine code as well.

use core::fmt;

use serde::{
    Deserializer, Serializer,
    de::{Error, SeqAccess, Visitor},
};

use crate::Secret;

pub(crate) fn serialize<const N: usize, S: Serializer>(bytes: &[u8; N], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(bytes)
}

pub(crate) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(from: D) -> Result<[u8; N], D::Error> {
    struct Bytes<const N: usize>;

    impl<'de, const N: usize> Visitor<'de> for Bytes<N> {
        type Value = [u8; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<[u8; N], E> {
            bytes.try_into().map_err(|_| E::custom("the wrong number of bytes"))
        }

        // Formats without bytes, such as JSON.
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<[u8; N], A::Error> {
            let mut bytes = [0; N];
            for byte in &mut bytes {
                *byte = seq.next_element()?.ok_or_else(|| A::Error::custom("too few bytes"))?;
            }
            Ok(bytes)
        }
    }

    from.deserialize_bytes(Bytes)
}

/// The same for secret bytes.
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
