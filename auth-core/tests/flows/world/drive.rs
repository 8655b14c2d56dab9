//! How runs go through the world: step by step, to their end, and with failures.

use std::fmt::Debug;

use auth_core::{
    Activate, Authenticate, Authentication, Code, Deliver, DeviceToken, Effect, Ended, Event, Fault, Flow,
    ForgotPassword, Hashed, Hashing, Kind, LoggingIn, Login, Outcome, Password, Register, Resend,
    ResetPassword, ResetToken, Run, Secret, Seed, SessionToken, UserAgent, WhichPassword,
};

use super::{World, parse, password, toy_hash};
use crate::fixture;

/// The password that every change of a password sets.
pub(crate) const NEW_PASSWORD: &str = "new password of the owner";

/// What happens to one effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Carried out and answered.
    Well,
    /// Not carried out, and known not to be.
    NotDone,
    /// Carried out, and the answer is lost.
    LostAfter,
    /// Not carried out, and that is unknown.
    LostBefore,
    /// The host dies before it is carried out.
    DiesBefore,
    /// The host dies after it was carried out.
    DiesAfter,
}

impl How {
    /// Every way to fail.
    pub(crate) const TROUBLE: [Self; 5] =
        [Self::NotDone, Self::LostAfter, Self::LostBefore, Self::DiesBefore, Self::DiesAfter];
}

/// Lets every effect succeed.
pub(crate) fn well(_: &mut World, _: Kind, _: usize) -> How {
    How::Well
}

/// Makes a callback that does something once, just before the first effect of a kind.
pub(crate) fn before(
    kind: Kind,
    rival: impl FnOnce(&mut World),
) -> impl FnMut(&mut World, Kind, usize) -> How {
    let mut rival = Some(rival);
    move |world, next, _| {
        if next == kind
            && let Some(rival) = rival.take()
        {
            rival(world);
        }
        How::Well
    }
}

/// What a host keeps outside a run.
#[derive(Clone)]
pub(crate) struct Extra {
    pub(crate) password: Option<Password>,
    pub(crate) seed: [u8; 32],
}

/// A run that has ended, or whose host died.
pub(crate) struct Ran<F: Flow> {
    pub(crate) ended: Option<Ended<F>>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) hashes: Vec<Hashing>,
}

impl<F: Flow> Ran<F> {
    /// Returns the outcome of a run that decided something.
    pub(crate) fn outcome(self) -> F::Outcome {
        match self.ended {
            Some(Ok(outcome)) => outcome,
            Some(Err(broken)) => panic!("{broken:?}"),
            None => panic!("the host died"),
        }
    }
}

/// A person's request.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Register(&'static str),
    Resend,
    Activate(&'static str, Code),
    Login(&'static str),
    Forgot,
    Reset(&'static str),
}

impl Request {
    /// Returns the name of the flow.
    pub(crate) const fn flow(&self) -> &'static str {
        match self {
            Self::Register(_) => Register::NAME,
            Self::Resend => Resend::NAME,
            Self::Activate(..) => Activate::NAME,
            Self::Login(_) => Login::NAME,
            Self::Forgot => ForgotPassword::NAME,
            Self::Reset(_) => ResetPassword::NAME,
        }
    }
}

/// What a person without the mailbox can observe: the answer, and how long it took.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    disclosed: String,
    kinds: Vec<Kind>,
    hashes: Vec<Hashing>,
}

impl Seen {
    fn of<F: Flow, T: Debug>(ran: Ran<F>, disclosed: impl FnOnce(F::Outcome) -> T) -> Self {
        let disclosed = ran.ended.map(|ended| ended.map(disclosed));
        Self { disclosed: format!("{disclosed:?}"), kinds: ran.kinds, hashes: ran.hashes }
    }
}

/// A run and what its host keeps outside it, carried out one effect at a time.
pub(crate) struct Going<F: Flow> {
    pub(crate) run: Run<F>,
    pub(crate) extra: Extra,
}

impl<F: Flow> Clone for Going<F>
where
    Run<F>: Clone,
{
    fn clone(&self) -> Self {
        Self { run: self.run.clone(), extra: self.extra.clone() }
    }
}

impl<F: Flow> Going<F> {
    /// Carries out the next effect; false if the run has ended, or its host is dead.
    pub(crate) fn step(&mut self, world: &mut World, how: How) -> bool {
        let Some(effect) = self.run.take() else { return false };
        if how == How::DiesBefore {
            return false;
        }
        let answered = world.carry_out(effect, &self.extra, how);
        if how == How::DiesAfter {
            return false;
        }
        self.run.accept(answered, &world.rules).expect("the answer matches");
        true
    }
}

impl World {
    /// Returns what a host keeps outside its next run; each run draws a seed of its own.
    pub(crate) fn extra(&mut self, text: Option<&str>) -> Extra {
        self.runs += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.runs.to_be_bytes());
        Extra { password: text.map(password), seed }
    }

    /// Drives a run to its end. Before each effect `trouble` may change the world, and decides what happens to the
    /// effect. The run is restored from its snapshot at every effect.
    pub(crate) fn drive<F: Flow>(
        &mut self,
        flow: F,
        text: Option<&str>,
        mut trouble: impl FnMut(&mut Self, Kind, usize) -> How,
    ) -> Ran<F> {
        let (mut kinds, mut hashes) = (Vec::new(), Vec::new());
        let mut going = Going { run: Run::start(flow, &self.rules), extra: self.extra(text) };
        while let Some(kind) = going.run.waits_for() {
            let how = trouble(self, kind, kinds.len());
            kinds.push(kind);
            let mut again =
                Run::<F>::restore(going.run.snapshot().expose(), &self.rules).expect("the snapshot is valid");
            if let Some(Effect::HashPassword(_, order)) = again.take() {
                hashes.push(order.params);
            }
            if !going.step(self, how) {
                return Ran { ended: None, kinds, hashes };
            }
            going.run =
                Run::restore(going.run.snapshot().expose(), &self.rules).expect("the snapshot is valid");
        }
        let ended = going.run.into_outcome().unwrap_or_else(|run| panic!("{run:?} has not ended"));
        Ran { ended: Some(ended), kinds, hashes }
    }

    pub(crate) fn register(&mut self, address: &str, password: &str) -> Ran<Register> {
        let flow = register(address);
        self.drive(flow, Some(password), well)
    }

    pub(crate) fn resend(&mut self, address: &str) -> Ran<Resend> {
        let flow = Resend { address: parse(address), client: fixture::client() };
        self.drive(flow, None, well)
    }

    pub(crate) fn activate(&mut self, address: &str, password: &str, code: &Code) -> Ran<Activate> {
        self.drive(activate(address, code), Some(password), well)
    }

    pub(crate) fn login(&mut self, address: &str, password: &str) -> Ran<Login> {
        self.drive(login(address), Some(password), well)
    }

    /// Registers an address, and activates it with the code of its mail.
    pub(crate) fn activated(&mut self, address: &str, password: &str) {
        self.register(address, password);
        self.deliver();
        let code = self.last_code();
        self.activate(address, password, &code).outcome();
    }

    /// Logs in; returns the tokens of session and device, or `None` if that is refused.
    pub(crate) fn enter(&mut self, address: &str, password: &str) -> Option<(SessionToken, DeviceToken)> {
        let outcome = self.login(address, password).outcome().disclosed;
        let LoggingIn::LoggedIn { token, device, .. } = outcome else { return None };
        Some((token, device))
    }

    /// Returns whether a session counts.
    pub(crate) fn counts(&mut self, token: &SessionToken) -> bool {
        self.visit(Authenticate { token: token.clone() }, None) != Authentication::NoSession
    }

    /// Drives a flow of a session to its end; returns what it discloses.
    pub(crate) fn visit<F, T>(&mut self, flow: F, text: Option<&str>) -> T
    where
        F: Flow<Outcome = Outcome<T>>,
    {
        self.drive(flow, text, well).outcome().disclosed
    }

    /// Makes a request and records what can be observed.
    pub(crate) fn request(
        &mut self,
        address: &str,
        request: &Request,
        trouble: impl FnMut(&mut Self, Kind, usize) -> How,
    ) -> Seen {
        match request {
            Request::Register(password) => {
                Seen::of(self.drive(register(address), Some(password), trouble), |outcome| outcome.disclosed)
            }
            Request::Resend => {
                let flow = Resend { address: parse(address), client: fixture::client() };
                Seen::of(self.drive(flow, None, trouble), |outcome| outcome.disclosed)
            }
            Request::Forgot => {
                let flow = ForgotPassword { address: parse(address), client: fixture::client() };
                Seen::of(self.drive(flow, None, trouble), |outcome| outcome.disclosed)
            }
            Request::Reset(password) => {
                let flow = reset(address, "authr_guessed");
                Seen::of(self.drive(flow, Some(password), trouble), |outcome| outcome.disclosed)
            }
            Request::Login(password) => {
                Seen::of(self.drive(login(address), Some(password), trouble), |outcome| outcome.disclosed)
            }
            Request::Activate(password, code) => {
                Seen::of(self.drive(activate(address, code), Some(password), trouble), |outcome| {
                    outcome.disclosed
                })
            }
        }
    }

    /// Delivers all mails that are due now, and returns how each delivery ended.
    pub(crate) fn deliver(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(leased) = self.lease() {
            events.push(self.drive(Deliver { leased }, None, well).outcome());
        }
        events
    }

    /// Lets time pass, with a worker that is always there.
    pub(crate) fn pass(&mut self, time: std::time::Duration) -> Vec<Event> {
        let end = self.now.after(time);
        let mut events = self.deliver();
        while let Some(next) = self.next_due().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            events.extend(self.deliver());
        }
        self.now = end;
        events
    }

    fn carry_out(&mut self, effect: Effect, extra: &Extra, how: How) -> auth_core::Answered {
        match effect {
            Effect::Admit(ticket, order) => ticket.answer(self.go(how, |world| world.admit(&order))),
            Effect::Random(ticket, _) => ticket.answer(self.go(how, |_| Ok(Seed(Secret::new(extra.seed))))),
            Effect::FindAccount(ticket, order) => ticket.answer(self.go(how, |world| Ok(world.find(&order)))),
            Effect::HashPassword(ticket, order) => ticket.answer(self.go(how, |_| {
                let new = password(NEW_PASSWORD);
                let password = match order.which {
                    WhichPassword::Given => extra.password.as_ref().expect("the run has a password"),
                    WhichPassword::New => &new,
                };
                let hash = Secret::new(toy_hash(password, order.salt, order.params));
                Ok(Hashed { params: order.params, hash })
            })),
            Effect::CommitAccount(ticket, order) => ticket.answer(self.go(how, |world| world.commit(order))),
            Effect::PutCode(ticket, order) => ticket.answer(self.go(how, |world| world.put(&order))),
            Effect::RedeemCode(ticket, order) => {
                ticket.answer(self.go(how, |world| Ok(world.codes.redeem(&order, world.now))))
            }
            Effect::SendMail(ticket, order) => ticket.answer(self.go(how, |world| world.send(order))),
            Effect::FindSession(ticket, order) => {
                ticket.answer(self.go(how, |world| Ok(world.accounts.find_session(&order, world.now))))
            }
            Effect::PutSession(ticket, order) => {
                ticket.answer(self.go(how, |world| world.accounts.put_session(order, world.now)))
            }
            Effect::SettleMail(ticket, order) => {
                ticket.answer(self.go(how, |world| Ok(world.accounts.settle(&order, world.now))))
            }
        }
    }

    fn go<T>(&mut self, how: How, act: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        match how {
            How::Well => act(self),
            How::NotDone => Err(Fault::NotDone),
            How::LostBefore | How::DiesBefore => Err(Fault::Unknown),
            How::LostAfter | How::DiesAfter => {
                let _ = act(self);
                Err(Fault::Unknown)
            }
        }
    }
}

pub(crate) fn register(address: &str) -> Register {
    let (client, locale) = (fixture::client(), fixture::locale("en"));
    Register { address: parse(address), verdict: fixture::good(), client, locale }
}

pub(crate) fn reset(address: &str, token: &str) -> ResetPassword {
    let (token, client) = (ResetToken::new(Secret::new(token.to_owned())), fixture::client());
    ResetPassword { address: parse(address), token, verdict: fixture::good(), client }
}

pub(crate) fn login(address: &str) -> Login {
    Login { address: parse(address), client: fixture::client(), device: None, agent: UserAgent::default() }
}

pub(crate) fn activate(address: &str, code: &Code) -> Activate {
    Activate { address: parse(address), code: code.clone(), client: fixture::client() }
}
