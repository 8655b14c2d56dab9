//! Owns the wire face: runs, orders and answers without types, for hosts that are not Rust.
//!
//! What a type proves to a Rust host is checked here when it happens: an answer names its order by a
//! ticket of 20 octets, and one that does not fit is refused with what was expected. The octets are
//! postcard's (its wire format 1.0) behind one that names the version; nothing that is read decides how much is
//! allocated but its own length. Next: `run.rs`, which does the work.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _},
};

pub use crate::effect::{Order, Reply};
use crate::{
    Activate, Activation, Answered, Answers, BadSnapshot, Broken, Deliver, Event, Fault, Flow, Kind, Outcome,
    Register, Registration, Resend, Resending, Rules, Run, Secret, Stop, WhyRefused,
    flow::flows,
    octets,
    run::{Stamp, sealed::Listed},
    snapshot::{self, to_bytes},
};

/// The first octet of everything that is read or written here; another one is another encoding.
pub const VERSION: u8 = 2;

/// Names one order of one run. It goes back with the answer, and means nothing else to a host.
/// 20 octets, in octets behind their length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(Stamp);

impl Serialize for Ticket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        octets::serialize(&self.to_bytes(), serializer)
    }
}

impl<'de> Deserialize<'de> for Ticket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        octets::deserialize(deserializer).map(Self::from_bytes)
    }
}

impl Ticket {
    /// Takes back what [`Ticket::to_bytes`] gave.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(Stamp::from_bytes(bytes))
    }

    /// Returns the octets to keep beside the order.
    pub fn to_bytes(self) -> [u8; 20] {
        self.0.to_bytes()
    }
}

/// Carries an order and the ticket to answer it with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ordered {
    /// Names the order.
    pub ticket: Ticket,
    /// What to do.
    pub order: Box<Order>,
}

/// Carries a reply or a fault to the order that a ticket names.
#[derive(Clone, Serialize, Deserialize)]
pub struct Response {
    /// Names the order.
    pub ticket: Ticket,
    /// What became of it.
    pub answer: Result<Reply, Fault>,
}

/// Tells why octets, or values, are not what a run can start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadInput {
    /// They are of an encoding that this version does not read.
    Version,
    /// They are damaged, or hold a value that cannot be: an address that is none, for example.
    Malformed,
    /// What was typed for a code cannot be one under the policy: tell the visitor that it is wrong.
    Code,
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "the octets are of an encoding that this version does not read",
            Self::Malformed => "the octets are damaged, or hold a value that cannot be",
            Self::Code => "the code has another length or other characters than codes have",
        })
    }
}

impl core::error::Error for BadInput {}

/// Tells why a response was not taken. The run is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The octets are no response of this version.
    Malformed,
    /// The response does not fit.
    Unfit(WhyRefused),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the octets are no response of this version"),
            Self::Unfit(why) => why.fmt(f),
        }
    }
}

impl core::error::Error for Refusal {}

/// Holds a run of any flow.
#[derive(Clone, Debug)]
pub struct Machine(Run<Any>);

/// Makes every flow one, so that the machine is there once; runs and snapshots are the flow's own.
#[derive(Clone)]
struct Any(Input);

/// A flow is read by its name, in [`Machine::restore`]; without it this is nothing.
impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("a flow is read by its name"))
    }
}

impl Listed for Any {}

macro_rules! of_all_flows {
    ($($(#[$doc:meta])+ $flow:ident -> $outcome:ty;)+) => {
        /// What a run starts from. Every flow is a case; a later version may have more.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Input { $($(#[$doc])+ $flow($flow),)+ }

        /// The outcome of a flow.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Output { $(#[doc = concat!("The outcome of [`", stringify!($flow), "`].")] $flow($outcome),)+ }

        impl Serialize for Any {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match &self.0 { $(Input::$flow(flow) => flow.serialize(serializer),)+ }
            }
        }

        impl Flow for Any {
            type Outcome = Output;
            const NAME: &'static str = "any";

            fn name(&self) -> &'static str {
                match &self.0 { $(Input::$flow(flow) => flow.name(),)+ }
            }

            fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Output, Stop> {
                match &self.0 { $(Input::$flow(flow) => flow.run(rules, answers).map(Output::$flow),)+ }
            }
        }

        /// Reads the flow of a name from what follows it.
        fn read_flow<'a>(name: &str, bytes: &'a [u8]) -> Result<(Any, &'a [u8]), BadSnapshot> {
            match name {
                $($flow::NAME => snapshot::read(bytes).map(|(flow, rest)| (Any(Input::$flow(flow)), rest)),)+
                _ => Err(BadSnapshot::OtherFlow),
            }
        }
    };
}
flows!(of_all_flows);

impl Machine {
    /// Starts a flow; its first order waits to be taken.
    ///
    /// # Errors
    /// [`BadInput::Code`] if what was typed cannot be a code under the policy.
    pub fn start(mut input: Input, rules: &Rules) -> Result<Self, BadInput> {
        if let Input::Activate(flow) = &mut input {
            flow.code = rules.policy().code.parse(flow.code.expose()).ok_or(BadInput::Code)?;
        }
        Ok(Self(Run::start(Any(input), rules)))
    }

    /// Returns the order that waits, once. None: it was taken, or the run has ended.
    pub fn take(&mut self) -> Option<Ordered> {
        self.0.take_order().map(|(stamp, order)| Ordered { ticket: Ticket(stamp), order })
    }

    /// Takes a response and goes on. The rules must be those that the run started with.
    ///
    /// # Errors
    /// [`WhyRefused`] for a response that is late, doubled, foreign or of the wrong kind; the run
    /// is unchanged.
    pub fn accept(&mut self, response: Response, rules: &Rules) -> Result<(), WhyRefused> {
        let Response { ticket: Ticket(stamp), answer } = response;
        // A fault is a fault, whatever it was that failed.
        let kind = answer.as_ref().ok().map(Reply::kind).or(self.0.waits_for());
        let Some(kind) = kind else { return Err(self.0.astray(stamp)) };
        self.0.accept(Answered { stamp, kind, answer }, rules).map_err(|refused| refused.why)
    }

    /// Returns the kind of the order that waits, or none once the run has ended.
    pub fn waits_for(&self) -> Option<Kind> {
        self.0.waits_for()
    }

    /// Returns what the flow came to, or none while it is under way.
    pub fn outcome(&self) -> Option<Result<Output, Broken>> {
        self.0.outcome().copied()
    }

    /// Writes the run down, as [`Run::snapshot`] does: a typed host can take it up, and the other way round.
    pub fn snapshot(&self) -> Secret<Vec<u8>> {
        self.0.snapshot()
    }

    /// Takes a run up again, as [`Run::restore`] does, whatever its flow.
    ///
    /// # Errors
    /// [`BadSnapshot`] for any bytes that are no run under these rules.
    pub fn restore(bytes: &[u8], rules: &Rules) -> Result<Self, BadSnapshot> {
        Run::restore_any(bytes, rules, read_flow).map(Self)
    }
}

/// The same machine, in octets.
impl Machine {
    /// Starts a flow from an encoded [`Input`].
    ///
    /// # Errors
    /// [`BadInput`] for octets that are no input under this policy.
    pub fn start_from_bytes(input: &[u8], rules: &Rules) -> Result<Self, BadInput> {
        match read(input) {
            Ok(input) => Self::start(input, rules),
            Err(Unread::Version) => Err(BadInput::Version),
            Err(Unread::Damaged) => Err(BadInput::Malformed),
        }
    }

    /// Returns the order that waits as an encoded [`Ordered`], once.
    pub fn take_bytes(&mut self) -> Option<Secret<Vec<u8>>> {
        self.take().map(|ordered| written(&ordered))
    }

    /// Takes an encoded [`Response`] and goes on.
    ///
    /// # Errors
    /// [`Refusal`] for octets that are no response, or one that does not fit; the run is unchanged.
    pub fn accept_bytes(&mut self, response: &[u8], rules: &Rules) -> Result<(), Refusal> {
        let response = read(response).map_err(|_| Refusal::Malformed)?;
        self.accept(response, rules).map_err(Refusal::Unfit)
    }

    /// Returns what the flow came to as an encoded `Result<Output, Broken>`.
    pub fn outcome_bytes(&self) -> Option<Secret<Vec<u8>>> {
        self.outcome().map(|outcome| written(&outcome))
    }
}

impl Input {
    /// Encodes the input.
    pub fn to_bytes(&self) -> Secret<Vec<u8>> {
        written(self)
    }
}

impl Response {
    /// Encodes the response.
    pub fn to_bytes(&self) -> Secret<Vec<u8>> {
        written(self)
    }
}

enum Unread {
    Version,
    Damaged,
}

fn written<T: Serialize>(value: &T) -> Secret<Vec<u8>> {
    Secret::new(to_bytes(&(VERSION, value)))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unread> {
    let (version, rest) = bytes.split_first().ok_or(Unread::Version)?;
    if *version != VERSION {
        return Err(Unread::Version);
    }
    match postcard::take_from_bytes(rest) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(Unread::Damaged),
    }
}
