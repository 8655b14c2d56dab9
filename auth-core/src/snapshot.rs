//! The bytes that a run is written to and restored from: its input and answers, nothing else.

use alloc::vec::Vec;
use core::fmt;

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::{
    Flow, Rules, Run, Secret,
    run::{Recorded, Stamp},
};

/// The first byte of a snapshot; another number is another format.
const MAJOR: u8 = 3;
/// The second byte. An older version may be unable to read a higher number; a newer one reads all lower numbers with
/// the same first byte.
const MINOR: u8 = 0;

/// Why bytes cannot be restored to a run under these rules. Start the flow again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSnapshot {
    /// This version cannot read their format.
    Format,
    /// They contain another flow.
    OtherFlow,
    /// They are damaged, or these rules decide otherwise than those at the time.
    Mismatch,
}

impl fmt::Display for BadSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "this version cannot read the snapshot's format; start the flow again",
            Self::OtherFlow => "the snapshot contains another flow; start the flow again",
            Self::Mismatch => "the snapshot is damaged or was made under other rules; start the flow again",
        })
    }
}

impl core::error::Error for BadSnapshot {}

#[derive(Serialize)]
struct Written<'a, F> {
    major: u8,
    minor: u8,
    name: &'static str,
    flow: &'a F,
    stamp: Stamp,
    answers: &'a [Recorded],
}

#[derive(Deserialize)]
struct Head<'a> {
    major: u8,
    minor: u8,
    #[serde(borrow)]
    name: &'a str,
}

#[derive(Deserialize)]
struct Body {
    stamp: Stamp,
    answers: u32,
}

impl<F: Flow> Run<F> {
    /// Writes the run to bytes. They contain hashes and random bytes: store them encrypted, like passwords, and only
    /// for as long as the flow may last.
    pub fn snapshot(&self) -> Secret<Vec<u8>> {
        let written = Written {
            major: MAJOR,
            minor: MINOR,
            name: self.flow.name(),
            flow: &self.flow,
            stamp: self.now,
            answers: &self.answers,
        };
        Secret::new(to_bytes(&written))
    }

    /// Restores a run. An order that waited for its answer can be taken again; a ticket taken before the snapshot is
    /// valid, too, but only one of the two.
    ///
    /// # Errors
    /// [`BadSnapshot`] for any bytes that are not a run of this flow under these rules. Effects carried out before
    /// stay; it is safe to start the flow again.
    pub fn restore(bytes: &[u8], rules: &Rules) -> Result<Self, BadSnapshot> {
        Self::restore_any(bytes, rules, |name, rest| {
            if name == F::NAME { read(rest) } else { Err(BadSnapshot::OtherFlow) }
        })
    }

    /// Restores the flow that `flow` makes of a name and the bytes after it.
    pub(crate) fn restore_any(
        bytes: &[u8],
        rules: &Rules,
        flow: impl for<'a> FnOnce(&str, &'a [u8]) -> Result<(F, &'a [u8]), BadSnapshot>,
    ) -> Result<Self, BadSnapshot> {
        let (head, rest) = read::<Head<'_>>(bytes).map_err(|_| BadSnapshot::Format)?;
        let Head { major: MAJOR, minor: ..=MINOR, name } = head else { return Err(BadSnapshot::Format) };
        let (flow, rest) = flow(name, rest)?;
        let (body, mut rest) = read::<Body>(rest)?;
        let mut run = Self::start(flow, rules);
        // One answer at a time: a false length allocates nothing.
        for _ in 0..body.answers {
            let (answer, after) = read::<Recorded>(rest)?;
            if run.mistakes(&answer) {
                return Err(BadSnapshot::Mismatch);
            }
            run.record(answer, rules);
            rest = after;
        }
        // The stamp covers every order: rules that hash weaker or bind codes to other keys give other orders, and the
        // run is not restored under them.
        if run.now == body.stamp && rest.is_empty() { Ok(run) } else { Err(BadSnapshot::Mismatch) }
    }
}

/// Serializes a value; every copy is wiped. Serializing to memory fails for no type in this crate; empty bytes are
/// rejected as a snapshot.
pub(crate) fn to_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    match postcard::serialize_with_flavor(value, Sink::Bytes(Vec::new())) {
        Ok(Sink::Bytes(bytes)) => bytes,
        Ok(Sink::Digest(_)) | Err(_) => Vec::new(),
    }
}

/// Adds a value to a digest, without writing it down.
pub(crate) fn digest<T: Serialize>(mut begun: Sha256, value: &T) -> [u8; 32] {
    // Serializing to a digest fails for no type in this crate, either.
    let _ = postcard::serialize_with_flavor(value, Sink::Digest(&mut begun));
    begun.finalize().into()
}

/// Where bytes go. One type, so that serialization is compiled once. The digest buffers up to 64 bytes and is never
/// moved.
enum Sink<'a> {
    Bytes(Vec<u8>),
    Digest(&'a mut Sha256),
}

impl Flavor for Sink<'_> {
    type Output = Self;

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        match self {
            Self::Bytes(written) => extend(written, bytes),
            Self::Digest(digest) => digest.update(bytes),
        }
        Ok(())
    }

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn finalize(self) -> postcard::Result<Self> {
        Ok(self)
    }
}

/// Threat: a growing buffer leaves copies of secrets behind. This one wipes the old memory.
fn extend(written: &mut Vec<u8>, bytes: &[u8]) {
    let needed = written.len().saturating_add(bytes.len());
    if needed > written.capacity() {
        let mut larger = Vec::with_capacity(needed.saturating_mul(2).max(128));
        larger.extend_from_slice(written);
        written.zeroize();
        *written = larger;
    }
    written.extend_from_slice(bytes);
}

/// Reads a value and returns it with the bytes that follow.
#[inline(never)]
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), BadSnapshot> {
    postcard::take_from_bytes(bytes).map_err(|_| BadSnapshot::Mismatch)
}
