//! Owns how a run is written down and taken up again: its input and answers, nothing else.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Flow, Rules, Run, Secret,
    run::{Recorded, Stamp},
};

/// The first octet of a snapshot; another number is another format.
const FORMAT: u8 = 1;

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
    format: u8,
    name: &'static str,
    flow: &'a F,
    stamp: Stamp,
    answers: &'a [Recorded],
}

#[derive(Deserialize)]
struct Head<'a> {
    format: u8,
    #[serde(borrow)]
    name: &'a str,
}

#[derive(Deserialize)]
struct Body<F> {
    flow: F,
    stamp: Stamp,
    answers: u32,
}

impl<F: Flow> Run<F> {
    /// Writes the run down. The bytes hold hashes and random bytes: keep them like a password
    /// store, encrypted and for as long as the flow may last.
    pub fn snapshot(&self) -> Secret<Vec<u8>> {
        let written = Written {
            format: FORMAT,
            name: F::NAME,
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
        let (head, rest) = read::<Head<'_>>(bytes).map_err(|_| BadSnapshot::Format)?;
        if head.format != FORMAT {
            return Err(BadSnapshot::Format);
        }
        if head.name != F::NAME {
            return Err(BadSnapshot::OtherFlow);
        }
        let (body, mut rest) = read::<Body<F>>(rest)?;
        let mut run = Self::start(body.flow, rules);
        // One answer at a time: a length that lies allocates nothing.
        for _ in 0..body.answers {
            let (answer, after) = read::<Recorded>(rest)?;
            let fits = match (&answer, run.waits_for()) {
                (Ok(reply), Some(expected)) => reply.kind() == expected,
                (Err(_), Some(_)) => true,
                (_, None) => false,
            };
            if !fits {
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

/// Serializes into bytes that never move: a buffer that grows leaves copies behind that are not
/// wiped. Serializing to memory fails for no type in this crate; empty bytes are no snapshot.
pub(crate) fn to_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    let size = postcard::experimental::serialized_size(value).unwrap_or_default();
    postcard::to_extend(value, Vec::with_capacity(size)).unwrap_or_default()
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), BadSnapshot> {
    postcard::take_from_bytes(bytes).map_err(|_| BadSnapshot::Mismatch)
}
