//! Runs, orders and answers as bytes, for hosts that are not Rust.
//!
//! What types prove to a Rust host is checked here at run time: an answer names its order by a ticket of 20 bytes,
//! and one that does not match is refused with what was expected. The bytes are postcard's (its wire format 1.0)
//! after one byte for the version; only the actual length of the bytes decides how much is allocated. Next: `run.rs`,
//! which does the work.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _},
};

pub use crate::effect::{Order, Reply};
use crate::{
    Activate, Activation, Administer, Answered, Answers, AskingToMove, Authenticate, Authentication,
    BadSnapshot, Broken, ChangeAddress, ChangePassword, Changing, Confirm, ConfirmAddress, Confirmation,
    DeleteAccount, Deleting, Deliver, Event, Fault, Flow, Forgetting, ForgotPassword, Import, Kind,
    LoggingIn, LoggingOut, Login, Logout, LogoutEverywhere, Outcome, Register, Registration, Relocation,
    Resend, Resending, ResetPassword, Resetting, Rules, Run, Secret, Stop, WhyRefused, bytes,
    flow::flows,
    run::{Stamp, sealed::Listed},
    snapshot::{self, to_bytes},
};

/// The first byte of everything that is read or written here; another number is another encoding.
pub const VERSION: u8 = 3;

/// The identity of one order of one run, to pass back with the answer; opaque to hosts. Encoded as its length and 20
/// bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(Stamp);

impl Serialize for Ticket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        bytes::serialize(&self.to_bytes(), serializer)
    }
}

impl<'de> Deserialize<'de> for Ticket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bytes::deserialize(deserializer).map(Self::from_bytes)
    }
}

impl Ticket {
    /// Restores a ticket from the result of [`Ticket::to_bytes`].
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(Stamp::from_bytes(bytes))
    }

    /// Returns the bytes to keep with the order.
    pub fn to_bytes(self) -> [u8; 20] {
        self.0.to_bytes()
    }
}

/// An order and the ticket to answer it with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ordered {
    /// The ticket of the order.
    pub ticket: Ticket,
    /// The order itself.
    pub order: Box<Order>,
}

/// A reply or a fault for the order that a ticket names.
#[derive(Clone, Serialize, Deserialize)]
pub struct Response {
    /// The ticket of the order.
    pub ticket: Ticket,
    /// The reply, or the fault.
    pub answer: Result<Reply, Fault>,
}

/// Why a run cannot start from these bytes or values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadInput {
    /// This version cannot read their encoding.
    Version,
    /// They are damaged, or contain an impossible value, such as an invalid address.
    Malformed,
    /// The typed code is impossible under the policy: tell the visitor that it is wrong.
    Code,
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "this version cannot read the encoding of these bytes",
            Self::Malformed => "the bytes are damaged or contain an impossible value",
            Self::Code => "the code has the wrong length or characters; ask for it again",
        })
    }
}

impl core::error::Error for BadInput {}

/// Why a response was refused. The run is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes are not a response of this version.
    Malformed,
    /// The response does not match.
    Unfit(WhyRefused),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the bytes are not a response of this version"),
            Self::Unfit(why) => why.fmt(f),
        }
    }
}

impl core::error::Error for Refusal {}

/// A run of any flow.
#[derive(Clone, Debug)]
pub struct Machine(Run<Any>);

/// All flows as one type, so that the code is compiled once; runs and snapshots are the flow's own.
#[derive(Clone)]
struct Any(Input);

/// A flow is read by its name in [`Machine::restore`]; without the name its bytes mean nothing.
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
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// [`BadInput::Code`] if the typed code is impossible under the policy.
    pub fn start(mut input: Input, rules: &Rules) -> Result<Self, BadInput> {
        if let Input::Activate(Activate { code, .. }) | Input::ConfirmAddress(ConfirmAddress { code, .. }) =
            &mut input
        {
            *code = rules.policy().code.parse(code.expose()).ok_or(BadInput::Code)?;
        }
        Ok(Self(Run::start(Any(input), rules)))
    }

    /// Returns the order that waits, once; `None` if it was taken or the run has ended.
    pub fn take(&mut self) -> Option<Ordered> {
        self.0.take_order().map(|(stamp, order)| Ordered { ticket: Ticket(stamp), order })
    }

    /// Accepts a response and continues. The rules must be those that the run started with.
    ///
    /// # Errors
    /// [`WhyRefused`] for a response that is late, repeated, of another run or of the wrong kind. The run is
    /// unchanged.
    pub fn accept(&mut self, response: Response, rules: &Rules) -> Result<(), WhyRefused> {
        let Response { ticket: Ticket(stamp), answer } = response;
        // A fault matches an order of any kind.
        let kind = answer.as_ref().ok().map(Reply::kind).or(self.0.waits_for());
        let Some(kind) = kind else { return Err(self.0.astray(stamp)) };
        self.0.accept(Answered { stamp, kind, answer }, rules).map_err(|refused| refused.why)
    }

    /// Returns the kind of the order that waits, or `None` once the run has ended.
    pub fn waits_for(&self) -> Option<Kind> {
        self.0.waits_for()
    }

    /// Returns the result of the flow, or `None` if it has not ended.
    pub fn outcome(&self) -> Option<&Result<Output, Broken>> {
        self.0.outcome()
    }

    /// Writes the run to bytes as [`Run::snapshot`] does; a typed host can restore it, and the other way round.
    pub fn snapshot(&self) -> Secret<Vec<u8>> {
        self.0.snapshot()
    }

    /// Restores a run of any flow, as [`Run::restore`] does.
    ///
    /// # Errors
    /// [`BadSnapshot`] for any bytes that are not a run under these rules.
    pub fn restore(bytes: &[u8], rules: &Rules) -> Result<Self, BadSnapshot> {
        Run::restore_any(bytes, rules, read_flow).map(Self)
    }
}

/// The same functions over encoded values.
impl Machine {
    /// Starts a flow from an encoded [`Input`].
    ///
    /// # Errors
    /// [`BadInput`] for bytes that are not an input under this policy.
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

    /// Accepts an encoded [`Response`] and continues.
    ///
    /// # Errors
    /// [`Refusal`] for bytes that are not a response, or one that does not match. The run is unchanged.
    pub fn accept_bytes(&mut self, response: &[u8], rules: &Rules) -> Result<(), Refusal> {
        let response = read(response).map_err(|_| Refusal::Malformed)?;
        self.accept(response, rules).map_err(Refusal::Unfit)
    }

    /// Returns the result of the flow as an encoded `Result<Output, Broken>`.
    pub fn outcome_bytes(&self) -> Option<Secret<Vec<u8>>> {
        self.outcome().map(written)
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
