//! Owns how a run is written down and taken up again: its input and answers, nothing else.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::{
    Flow, Rules, Run, Secret,
    run::{Recorded, Stamp},
};

/// The first octet of a snapshot; another number is another format.
const MAJOR: u8 = 2;
/// The second octet. What a higher number writes a lower one may not be able to read; what a lower
/// one wrote is read for as long as the first octet is the same.
const MINOR: u8 = 0;

/// Tells why bytes are not a run under these rules. Start the flow again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSnapshot {
    /// They are of a format that this version does not read.
    Format,
    /// They hold another flow.
    OtherFlow,
    /// They are damaged, or the rules decide otherwise than those it was made under.
    Mismatch,
}

impl fmt::Display for BadSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "the bytes are of a format that this version does not read",
            Self::OtherFlow => "the bytes hold another flow",
            Self::Mismatch => "the bytes are damaged, or were made under rules that decide otherwise",
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
    answers: &'a [Box<Recorded>],
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
    /// Writes the run down. The bytes hold hashes and random bytes: keep them like a password
    /// store, encrypted and for as long as the flow may last.
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

    /// Takes a run up again. An order that waited for its answer waits to be taken again; a
    /// ticket that was taken before the snapshot fits too, but only one of the two.
    ///
    /// # Errors
    /// [`BadSnapshot`] for any bytes that are no run of this flow under these rules. Whatever
    /// was carried out stays so; it is safe to start the flow again.
    pub fn restore(bytes: &[u8], rules: &Rules) -> Result<Self, BadSnapshot> {
        Self::restore_any(bytes, rules, |name, rest| {
            if name == F::NAME { read(rest) } else { Err(BadSnapshot::OtherFlow) }
        })
    }

    /// Restores whatever `flow` makes of a name and what follows it.
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
        // One answer at a time: a length that lies allocates nothing.
        for _ in 0..body.answers {
            let (answer, after) = read::<Recorded>(rest)?;
            if run.mistakes(&answer) {
                return Err(BadSnapshot::Mismatch);
            }
            run.record(answer, rules);
            rest = after;
        }
        // The stamp covers every order: rules that hash weaker or bind codes to other keys
        // have led to other orders, and the run is not taken up under them.
        if run.now == body.stamp && rest.is_empty() { Ok(run) } else { Err(BadSnapshot::Mismatch) }
    }
}

/// Serializes. Nothing is left behind that is not wiped. Serializing to memory fails for no type in
/// this crate; empty bytes are no snapshot.
pub(crate) fn to_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    match postcard::serialize_with_flavor(value, Sink::Octets(Vec::new())) {
        Ok(Sink::Octets(octets)) => octets,
        Ok(Sink::Digest(_)) | Err(_) => Vec::new(),
    }
}

/// Takes a value into a digest, without writing it down.
pub(crate) fn digest<T: Serialize>(mut begun: Sha256, value: &T) -> [u8; 32] {
    // Serializing to a digest fails for no type in this crate, either.
    let _ = postcard::serialize_with_flavor(value, Sink::Digest(&mut begun));
    begun.finalize().into()
}

/// Where octets go. One type, so that what serializes is there once. The digest holds up to 64 octets of what it was
/// given, and stays where it is.
enum Sink<'a> {
    Octets(Vec<u8>),
    Digest(&'a mut Sha256),
}

impl Flavor for Sink<'_> {
    type Output = Self;

    fn try_extend(&mut self, octets: &[u8]) -> postcard::Result<()> {
        match self {
            Self::Octets(written) => extend(written, octets),
            Self::Digest(digest) => digest.update(octets),
        }
        Ok(())
    }

    fn try_push(&mut self, octet: u8) -> postcard::Result<()> {
        self.try_extend(&[octet])
    }

    fn finalize(self) -> postcard::Result<Self> {
        Ok(self)
    }
}

/// Threat: a buffer that grows leaves copies of secrets behind. This one wipes what it moved from.
fn extend(written: &mut Vec<u8>, octets: &[u8]) {
    let needed = written.len().saturating_add(octets.len());
    if needed > written.capacity() {
        let mut larger = Vec::with_capacity(needed.saturating_mul(2).max(128));
        larger.extend_from_slice(written);
        written.zeroize();
        *written = larger;
    }
    written.extend_from_slice(octets);
}

/// Reads a value and returns what follows it.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), BadSnapshot> {
    postcard::take_from_bytes(bytes).map_err(|_| BadSnapshot::Mismatch)
}
