//! The run of a flow: the flow is replayed with the answers so far until it asks something new.
//!
//! Nothing here knows what flows decide. Next: `flow/register.rs` for an example of a flow, `snapshot.rs` for how a
//! run is written down.

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, marker::PhantomData};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    Answer, Effect, Fault, Kind, Op, Rules,
    answered::{Answered, Expected, Refused, WhyRefused},
    effect::{Order, Reply, sealed::Sealed},
    snapshot,
};

pub(crate) mod sealed {
    #[diagnostic::on_unimplemented(message = "`{Self}` is not in the list `flows!` in flow/mod.rs")]
    pub trait Listed {}
}

/// One operation, as a plain function from its input and the answers so far. Sealed: list new flows in `flow/mod.rs`.
pub trait Flow: sealed::Listed + Clone + Serialize + DeserializeOwned {
    /// The result of the flow.
    type Outcome: Clone;

    /// The name of the flow in snapshots.
    const NAME: &'static str;

    /// Returns the name of this flow in snapshots.
    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// Runs the flow as far as the answers reach.
    ///
    /// Pure: the same input, rules and answers give the same orders. It is run from the start after each answer.
    ///
    /// # Errors
    /// [`Stop`] where an answer is missing or a fault ends the flow; pass it on with `?`.
    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop>;
}

/// The interruption of a flow: it waits for an answer, or a fault ended it. Only [`Answers`] makes one.
#[derive(Debug)]
pub struct Stop(Why);

#[derive(Debug)]
enum Why {
    Waits(Box<Order>),
    Broken(Broken),
}

/// A fault that ended a run: nothing was decided. A server answers 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The effect that failed.
    pub kind: Kind,
    /// What is known about its effect.
    pub fault: Fault,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            Fault::NotDone => "was not done",
            Fault::Unknown => "may or may not have been done",
        };
        write!(f, "{} {what}", self.kind.name())
    }
}

impl core::error::Error for Broken {}

/// The result of a finished run: outcome or fault.
pub type Ended<F> = Result<<F as Flow>::Outcome, Broken>;

pub(crate) type Recorded = Result<Reply, Fault>;
/// Threat: a growing list leaves copies of its secrets behind. The contents of the replies' boxes never move.
pub(crate) type Recording = Vec<Recorded>;

/// The answers so far, in the order in which the flow asks.
#[derive(Debug)]
pub struct Answers<'a> {
    answers: core::slice::Iter<'a, Recorded>,
}

impl Answers<'_> {
    /// Gives an order; a fault ends the flow as [`Broken`].
    ///
    /// # Errors
    /// [`Stop`], to pass on with `?`.
    pub fn ask<O: Op>(&mut self, order: O) -> Result<O::Reply, Stop> {
        self.try_ask(order)?.map_err(Self::broken::<O>)
    }

    /// Gives an order that costs something to make: it is made only where no answer is there yet.
    pub(crate) fn ask_made<O: Op>(&mut self, order: impl FnOnce() -> O) -> Result<O::Reply, Stop> {
        self.next::<O>().unwrap_or_else(|| Err(Self::waits(order())))?.map_err(Self::broken::<O>)
    }

    /// Gives an order and returns a fault to the flow, which can then read what really happened.
    ///
    /// # Errors
    /// [`Stop`], to pass on with `?`.
    pub fn try_ask<O: Op>(&mut self, order: O) -> Result<Answer<O>, Stop> {
        self.next::<O>().unwrap_or_else(|| Err(Self::waits(order)))
    }

    /// Returns the next answer, if it is there.
    fn next<O: Op>(&mut self) -> Option<Result<Answer<O>, Stop>> {
        Some(match self.answers.next()? {
            Err(fault) => Ok(Err(*fault)),
            Ok(reply) => match O::replied(reply) {
                Some(reply) => Ok(Ok(reply.clone())),
                // The rules changed during the run, and it asks something else now. Whether that fits what was done
                // before is unknown: decide nothing.
                None => Err(Self::broken::<O>(Fault::Unknown)),
            },
        })
    }

    fn waits<O: Op>(order: O) -> Stop {
        Stop(Why::Waits(Box::new(order.order())))
    }

    /// Returns a [`Stop`] that ends the flow with this fault.
    #[must_use]
    pub const fn broken<O: Op>(fault: Fault) -> Stop {
        Stop(Why::Broken(Broken { kind: O::KIND, fault }))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Threat: replies contain hashes and random bytes; the kind is enough to debug.
        f.write_str(self.kind().name())
    }
}

/// The identity of one order of one run: its place, and a digest of it and everything before it.
///
/// The digest covers input, answers and orders, this one included. Two runs share a stamp only while they are equal,
/// and then an answer to one is an answer to the other. So no counter and no random number is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    place: u32,
    #[serde(with = "crate::bytes")]
    digest: [u8; 16],
}

impl Stamp {
    fn first<F: Flow>(flow: &F, rules: &Rules, state: &State<F::Outcome>) -> Self {
        // Threat: a run that is restored under a lower floor and then accepts a weaker hash. The floor is part of the
        // stamp, so such a snapshot is rejected.
        let start = (flow.name(), flow, rules.policy().hash_floor, state.order());
        Self { place: 0, digest: digest(&[0; 16], &start) }
    }

    fn next<T>(self, answer: &Recorded, state: &State<T>) -> Self {
        let place = self.place.saturating_add(1);
        Self { place, digest: digest(&self.digest, &(answer, state.order())) }
    }
}

#[cfg(feature = "wire")]
impl Stamp {
    pub(crate) const fn from_bytes(bytes: [u8; 20]) -> Self {
        let [a, b, c, d, digest @ ..] = bytes;
        Self { place: u32::from_be_bytes([a, b, c, d]), digest }
    }

    pub(crate) fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        let both = self.place.to_be_bytes().into_iter().chain(self.digest);
        bytes.iter_mut().zip(both).for_each(|(to, from)| *to = from);
        bytes
    }
}

fn digest<T: Serialize>(before: &[u8; 16], content: &T) -> [u8; 16] {
    let full = snapshot::digest(Sha256::new().chain_update(before), content);
    let (half, _) = full.split_first_chunk().unwrap_or((&[0; 16], &[]));
    *half
}

/// The right to answer one order once.
///
/// It cannot be cloned or made, and it fits only replies of its order's type:
///
/// ```compile_fail
/// use auth_core::{FindAccount, Hashed, Hashing, Secret, Ticket};
/// fn mistyped(ticket: Ticket<FindAccount>) {
///     let (params, hash) = (Hashing::DEFAULT, Secret::new([0; 32]));
///     ticket.answer(Ok(Hashed { params, hash })); // a hash does not answer FindAccount
/// }
/// ```
/// ```compile_fail
/// use auth_core::{Random, Seed, Ticket};
/// fn twice(ticket: Ticket<Random>, seed: Seed) {
///     ticket.answer(Ok(seed.clone()));
///     ticket.answer(Ok(seed)); // used after it was moved
/// }
/// ```
#[must_use = "an order without an answer blocks its run forever"]
pub struct Ticket<O> {
    stamp: Stamp,
    order: PhantomData<fn() -> O>,
}

impl<O: Op> Ticket<O> {
    /// Answers the order.
    pub fn answer(self, answer: Answer<O>) -> Answered {
        Answered { stamp: self.stamp, kind: O::KIND, answer: answer.map(<O as Sealed>::reply) }
    }
}

impl<O> Ticket<O> {
    pub(crate) const fn new(stamp: Stamp) -> Self {
        Self { stamp, order: PhantomData }
    }
}

impl<O> fmt::Debug for Ticket<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.stamp.place)
    }
}

/// A flow, its answers, and the order that waits.
#[derive(Clone)]
pub struct Run<F: Flow> {
    pub(crate) flow: F,
    pub(crate) answers: Recording,
    /// The stamps of the answered orders, not that of the next one.
    past: Vec<Stamp>,
    pub(crate) now: Stamp,
    state: State<F::Outcome>,
}

#[derive(Clone)]
enum State<T> {
    /// `order` is there until it is taken.
    Waits {
        order: Option<Box<Order>>,
        expected: Expected,
    },
    Ended(Result<T, Broken>),
}

impl<T> State<T> {
    fn expected(&self) -> Option<Expected> {
        match self {
            Self::Waits { expected, .. } => Some(*expected),
            Self::Ended(_) => None,
        }
    }

    fn order(&self) -> Option<&Order> {
        match self {
            Self::Waits { order, .. } => order.as_deref(),
            Self::Ended(_) => None,
        }
    }
}

impl<F: Flow> Run<F> {
    /// Starts a flow; its first order waits to be taken.
    pub fn start(flow: F, rules: &Rules) -> Self {
        let state = advance(&flow, rules, &[]);
        let now = Stamp::first(&flow, rules, &state);
        Self { flow, answers: Vec::new(), past: Vec::new(), now, state }
    }

    /// Returns the order that waits, once; `None` if it was taken or the run has ended.
    pub fn take(&mut self) -> Option<Effect> {
        // Threat: moving a value out of a box leaves its secrets in freed memory. The box is dropped whole.
        self.take_order().map(|(stamp, order)| order.as_ref().clone().issue(stamp))
    }

    pub(crate) fn take_order(&mut self) -> Option<(Stamp, Box<Order>)> {
        match &mut self.state {
            State::Waits { order, .. } => order.take().map(|order| (self.now, order)),
            State::Ended(_) => None,
        }
    }

    /// Accepts an answer and continues. The rules must be those that the run started with.
    ///
    /// # Errors
    /// [`Refused`] for an answer that is late, repeated, of another run or of the wrong kind. The run is unchanged,
    /// and the error returns the answer.
    pub fn accept(&mut self, answered: Answered, rules: &Rules) -> Result<(), Refused> {
        match self.refuses(&answered) {
            Some(why) => Err(Refused { why, answered: Box::new(answered) }),
            None => {
                self.record(answered.answer, rules);
                Ok(())
            }
        }
    }

    /// Returns the result of the flow, or the run if it has not ended.
    ///
    /// # Errors
    /// The run itself, unchanged.
    #[cfg_attr(
        target_pointer_width = "64",
        expect(clippy::result_large_err, reason = "a run that has not ended is given back")
    )]
    pub fn into_outcome(self) -> Result<Ended<F>, Self> {
        match self.state {
            State::Ended(ended) => Ok(ended),
            State::Waits { .. } => Err(self),
        }
    }

    /// Returns the result of the flow, or `None` if it has not ended.
    pub const fn outcome(&self) -> Option<&Ended<F>> {
        match &self.state {
            State::Ended(ended) => Some(ended),
            State::Waits { .. } => None,
        }
    }

    /// Returns the kind of the order that waits, or `None` once the run has ended.
    pub fn waits_for(&self) -> Option<Kind> {
        self.state.expected().map(|expected| expected.kind)
    }

    /// Returns whether this answer does not match the order that waits, or no order waits.
    pub(crate) fn mistakes(&self, answer: &Recorded) -> bool {
        self.state.expected().is_none_or(|expected| {
            let kind = answer.as_ref().map_or(expected.kind, Reply::kind);
            expected.refuses(kind, answer).is_some()
        })
    }

    pub(crate) fn record(&mut self, answer: Recorded, rules: &Rules) {
        self.answers.push(answer);
        self.state = advance(&self.flow, rules, &self.answers);
        let last = self.answers.last().map(|answer| self.now.next(answer, &self.state));
        self.past.push(self.now);
        self.now = last.unwrap_or(self.now);
    }

    fn refuses(&self, answered: &Answered) -> Option<WhyRefused> {
        if answered.stamp == self.now
            && let Some(expected) = self.state.expected()
        {
            return expected.refuses(answered.kind, &answered.answer);
        }
        Some(self.astray(answered.stamp))
    }

    /// Returns why no order waits for an answer with this stamp.
    pub(crate) fn astray(&self, stamp: Stamp) -> WhyRefused {
        if stamp.place > self.now.place || stamp == self.now {
            WhyRefused::NeverIssued
        } else if self.past.contains(&stamp) {
            WhyRefused::AlreadyAnswered
        } else {
            WhyRefused::OtherRun
        }
    }
}

impl<F: Flow> fmt::Debug for Run<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut run = f.debug_struct(self.flow.name());
        run.field("answers", &self.answers).field("waits_for", &self.waits_for()).finish()
    }
}

fn advance<F: Flow>(flow: &F, rules: &Rules, answers: &[Recorded]) -> State<F::Outcome> {
    match flow.run(rules, &mut Answers { answers: answers.iter() }) {
        Ok(outcome) => State::Ended(Ok(outcome)),
        Err(Stop(Why::Broken(broken))) => State::Ended(Err(broken)),
        Err(Stop(Why::Waits(order))) => {
            let expected = Expected::of(&order);
            State::Waits { order: Some(order), expected }
        }
    }
}
