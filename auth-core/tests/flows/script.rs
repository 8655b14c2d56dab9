//! Scripts: the input, effects and answers of one run, written down, and how they are played.
//!
//! Playing compares every order with the script, then does the same again with a snapshot and a restore at each
//! effect: before its order was taken, and between order and answer.

use std::fmt::Debug;

use auth_core::{
    Admission, Admit, Answer, Answered, CommitAccount, Effect, Ended, Fault, FindAccount, FindSession, Flow,
    HashPassword, Hashed, Hashing, Kind, Op, PutCode, PutSession, Random, RedeemCode, Rules, Run, Salt,
    Secret, Seed, SendMail, SettleMail, WhichPassword,
    wire::{Order, Reply},
};

use crate::fixture;

macro_rules! steps {
    ($($name:ident),+) => {
        /// One effect of a script: the expected order and the answer to give.
        #[derive(Clone, Debug)]
        pub(crate) enum Step { $($name($name, Answer<$name>),)+ }

        impl Step {
            pub(crate) const fn kind(&self) -> Kind {
                match self { $(Self::$name(..) => Kind::$name,)+ }
            }

            /// Returns the same order with a fault as its answer.
            pub(crate) fn failing(&self, fault: Fault) -> Self {
                match self { $(Self::$name(order, _) => Self::$name(order.clone(), Err(fault)),)+ }
            }

            /// Returns the order, without its type.
            pub(crate) fn order(&self) -> Order {
                match self { $(Self::$name(order, _) => Order::$name(order.clone()),)+ }
            }

            /// Returns the answer, without its type.
            pub(crate) fn reply(&self) -> Result<Reply, Fault> {
                match self { $(Self::$name(_, answer) => answer.clone().map(Box::new).map(Reply::$name),)+ }
            }

            /// Answers the effect after comparing its order.
            pub(crate) fn answer(&self, effect: Effect) -> Answered {
                match (self, effect) {
                    $((Self::$name(expected, answer), Effect::$name(ticket, order)) => {
                        assert_eq!(&order, expected);
                        ticket.answer(answer.clone())
                    })+
                    (step, effect) => panic!("{} was expected, not {effect:?}", step.kind().name()),
                }
            }
        }

        $(impl From<($name, Answer<$name>)> for Step {
            fn from((order, answer): ($name, Answer<$name>)) -> Self { Self::$name(order, answer) }
        })+
    };
}

steps!(
    Admit,
    Random,
    FindAccount,
    HashPassword,
    CommitAccount,
    PutCode,
    RedeemCode,
    SendMail,
    SettleMail,
    FindSession,
    PutSession
);

/// Makes one step; an answer of another type than the order's does not compile.
pub(crate) fn step<O: Op>(order: O, answer: Answer<O>) -> Step
where
    Step: From<(O, Answer<O>)>,
{
    Step::from((order, answer))
}

pub(crate) fn admitted() -> Step {
    step(fixture::admits(), Ok(Admission::Admitted))
}

pub(crate) fn drawn() -> Step {
    step(Random, Ok(Seed(Secret::new(fixture::SEED))))
}

pub(crate) fn finds(found: auth_core::Found) -> Step {
    step(FindAccount { key: fixture::key() }, Ok(found))
}

/// Makes the step of a hash with today's parameters.
pub(crate) fn hashes(salt: Salt, hash: [u8; 32]) -> Step {
    let params = Hashing::DEFAULT;
    step(
        HashPassword { salt, params, which: WhichPassword::Given },
        Ok(Hashed { params, hash: Secret::new(hash) }),
    )
}

/// A run written down: its input, every effect, its end.
pub(crate) struct Script<F: Flow> {
    /// The rule that it tests, as named by `scripts!`.
    pub(crate) name: String,
    pub(crate) rules: Rules,
    pub(crate) flow: F,
    pub(crate) steps: Vec<Step>,
    pub(crate) ended: Ended<F>,
}

impl<F: Flow> Script<F>
where
    F::Outcome: Clone + Debug + PartialEq,
{
    /// Plays it without a restore, then with one restore at each effect in turn, then with one at every effect.
    pub(crate) fn play(&self) {
        self.ends_well(self.go(Run::start(self.flow.clone(), &self.rules), &self.steps));
        let mut always = Run::start(self.flow.clone(), &self.rules);
        let places = self.places();
        for (n, step) in self.steps.iter().enumerate() {
            if places.contains(&n) {
                self.ends_well(self.go(self.restored(&always), &self.steps[n..]));
                self.ends_well(self.restored_under_way(n));
            }
            always = self.go(self.restored(&always), std::slice::from_ref(step));
        }
        self.ends_well(self.restored(&always));
    }

    /// Returns the places of its effects. A run that reads and decides again does the same each time: of a long
    /// script these are only the first and the last.
    pub(crate) fn places(&self) -> Vec<usize> {
        const SOME: usize = 12;
        let end = self.steps.len();
        (0..end).filter(|place| *place < SOME || end - place <= SOME).collect()
    }

    /// Returns the run before its `n`-th effect.
    pub(crate) fn at(&self, n: usize) -> Run<F> {
        self.go(Run::start(self.flow.clone(), &self.rules), &self.steps[..n])
    }

    /// Plays steps from the current state of a run.
    pub(crate) fn go(&self, mut run: Run<F>, steps: &[Step]) -> Run<F> {
        for step in steps {
            assert_eq!(run.waits_for(), Some(step.kind()));
            let effect = run.take().unwrap_or_else(|| panic!("{:?} waits to be taken", step.kind()));
            assert!(run.take().is_none(), "an order is taken once");
            run.accept(step.answer(effect), &self.rules).expect("the answer matches");
        }
        run
    }

    fn restored(&self, run: &Run<F>) -> Run<F> {
        let written = run.snapshot();
        let again = Run::restore(written.expose(), &self.rules).expect("a snapshot can be restored");
        assert_eq!(again.snapshot(), written, "a restored run writes the same snapshot");
        assert_eq!(again.waits_for(), run.waits_for());
        again
    }

    /// Restores between an order and its answer: the earlier ticket is valid for the restored run.
    fn restored_under_way(&self, n: usize) -> Run<F> {
        let mut run = self.at(n);
        let effect = run.take().expect("the order waits to be taken");
        let mut again = self.restored(&run);
        again.accept(self.steps[n].answer(effect), &self.rules).expect("the earlier ticket is valid");
        self.go(again, &self.steps[n + 1..])
    }

    fn ends_well(&self, mut run: Run<F>) {
        assert_eq!(run.waits_for(), None, "the script ends before the run");
        assert!(run.take().is_none(), "an ended run orders nothing");
        match run.into_outcome() {
            Ok(ended) => assert_eq!(ended, self.ended),
            Err(run) => panic!("{run:?} has not ended"),
        }
    }
}

/// Lists scripts, each named after the call that makes it, so that a new one changes no other name. Scripts made by
/// one call have the names that they were given there, or numbers.
macro_rules! scripts {
    ($($call:expr),+ $(,)?) => {{
        let mut all = Vec::new();
        $($crate::script::name(stringify!($call), $call, &mut all);)+
        all
    }};
}
pub(crate) use scripts;

pub(crate) fn name<F: Flow>(call: &str, made: impl Into<Made<F>>, all: &mut Vec<Script<F>>) {
    // Without the module that the call is in.
    let called = call.split('(').next().unwrap_or(call);
    let call = &call[called.rfind("::").map_or(0, |end| end + 2)..];
    let words = call.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-").to_lowercase();
    let Made(mut scripts) = made.into();
    let several = scripts.len() > 1;
    for (n, script) in (1..).zip(&mut scripts) {
        script.name = match script.name.as_str() {
            "" if several => format!("{name}-{n}"),
            "" => name.clone(),
            own => format!("{name}-{own}"),
        };
    }
    all.append(&mut scripts);
}

/// The scripts made by one call.
pub(crate) struct Made<F: Flow>(Vec<Script<F>>);

impl<F: Flow> From<Script<F>> for Made<F> {
    fn from(script: Script<F>) -> Self {
        Self(vec![script])
    }
}

impl<F: Flow> From<Vec<Script<F>>> for Made<F> {
    fn from(scripts: Vec<Script<F>>) -> Self {
        Self(scripts)
    }
}

impl<F: Flow, const N: usize> From<[Script<F>; N]> for Made<F> {
    fn from(scripts: [Script<F>; N]) -> Self {
        Self(scripts.into())
    }
}
