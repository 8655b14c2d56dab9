//! What a store keeps of a value as bytes, for stores without columns of their own.

use alloc::vec::Vec;
use core::fmt;

use serde::{Serialize, de::DeserializeOwned};

use crate::{QueuedMail, Row, Secret, Slot, TokenBucket, snapshot};

/// The first byte of everything that is written here; another one is another format.
const FORMAT: u8 = 1;

/// A value that a store can keep as bytes: [`Row`], [`QueuedMail`], [`Slot`] and [`TokenBucket`].
///
/// The bytes may be kept for as long as the account exists: every later version of this crate reads what an earlier
/// one wrote. They hold what the value holds, hashes of passwords among it, and are not encrypted: keep them like a
/// password store.
pub trait Stored: sealed::Sealed + Serialize + DeserializeOwned {
    /// Writes the value down.
    fn to_bytes(&self) -> Secret<Vec<u8>> {
        Secret::new(snapshot::to_bytes(&(FORMAT, Self::MARK, self)))
    }

    /// Reads the value back.
    ///
    /// # Errors
    /// [`BadStored`] for bytes that no version up to this one wrote for this type.
    fn from_bytes(bytes: &[u8]) -> Result<Self, BadStored> {
        let Some(([FORMAT, mark], rest)) = bytes.split_first_chunk() else { return Err(BadStored) };
        match postcard::take_from_bytes(rest) {
            Ok((value, [])) if *mark == Self::MARK => Ok(value),
            Ok(_) | Err(_) => Err(BadStored),
        }
    }
}

mod sealed {
    pub trait Sealed {
        /// The second byte: a row is never read as a mail.
        const MARK: u8;
    }
}

macro_rules! stored {
    ($($name:ident = $mark:literal),+) => {
        $(
            impl sealed::Sealed for $name {
                const MARK: u8 = $mark;
            }

            impl Stored for $name {}
        )+
    };
}

stored! { Row = b'r', QueuedMail = b'm', Slot = b's', TokenBucket = b'b' }

/// Bytes that are not a stored value of the type, or are damaged, or come from a later version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadStored;

impl fmt::Display for BadStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are damaged, of another type, or written by a later version")
    }
}

impl core::error::Error for BadStored {}
