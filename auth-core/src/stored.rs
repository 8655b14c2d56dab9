//! Values as bytes, for stores without columns of their own.

use alloc::vec::Vec;
use core::fmt;

use serde::{Serialize, de::DeserializeOwned};

use crate::{QueuedMail, Row, Secret, Slot, TokenBucket, snapshot};

/// The first byte of everything that is written here; another number is another format.
const FORMAT: u8 = 1;

/// A value that a store can keep as bytes: [`Row`], [`QueuedMail`], [`Slot`] and [`TokenBucket`].
///
/// The bytes may be kept for as long as the account exists: every later version of this crate reads them. They are
/// not encrypted, and contain all that the value contains, such as hashes of passwords: protect them like passwords.
pub trait Stored: sealed::Sealed + Serialize + DeserializeOwned {
    /// Writes the value to bytes.
    fn to_bytes(&self) -> Secret<Vec<u8>> {
        Secret::new(snapshot::to_bytes(&(FORMAT, Self::MARK, self)))
    }

    /// Reads the value from bytes.
    ///
    /// # Errors
    /// [`BadStored`] for bytes that neither this version nor an earlier one wrote for this type.
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

/// The error for bytes that are not a stored value of the type, are damaged, or come from a later version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadStored;

impl fmt::Display for BadStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the stored bytes are damaged, of another type, or written by a later version of auth-core",
        )
    }
}

impl core::error::Error for BadStored {}
