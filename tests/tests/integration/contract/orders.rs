//! Orders to code stores, made by the core's own flows: only those can make a MAC.

use std::{sync::Arc, time::Duration};

use auth_core::{
    Activate, Attempt, Client, Code, CodeKey, CodeKeys, CodeMac, CodeStored, Commit, Deliver, Effect, Found,
    Hashed, Lease, LeaseToken, LeasedMail, OwedMail, PasswordRecord, Policy, Purpose, PutCode, RedeemCode,
    Redemption, Row, Rules, Run, Secret, Seed, Status, Template, Time, Version, WaitingMail, WaitingState,
};
use auth_http::port::Codes;

use super::values::{attempt, mail, pending};

/// The tries per mail in these orders.
pub(super) const TRIES: usize = 5;

/// One attempt with its slot, and the store of its codes.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) codes: Arc<dyn Codes>,
    attempt: Attempt,
}

impl Slot {
    /// Returns the slot of the n-th attempt.
    pub(super) fn new(codes: &Arc<dyn Codes>, n: u8) -> Self {
        Self { codes: Arc::clone(codes), attempt: attempt("ada@example.org", n) }
    }

    /// Returns the slot of another address with the generation of the n-th attempt.
    pub(super) fn of(codes: &Arc<dyn Codes>, given: &str, n: u8) -> Self {
        Self { codes: Arc::clone(codes), attempt: attempt(given, n) }
    }

    /// Returns the order that stores the `draw`-th code as one of mail `mail`, and the code.
    pub(super) fn put_order(&self, mail: u8, draw: u8) -> (PutCode, Code) {
        self.signed_put_order(mail, draw, &[1])
    }

    /// Returns the order as `put_order` does, signed with the first of these keys.
    pub(super) fn signed_put_order(&self, number: u8, draw: u8, keys: &[u8]) -> (PutCode, Code) {
        // The core draws one code for each mail, until keys are rotated. A store does not know
        // that: it is asked to store the mail's first code, a further one, or another mail's.
        let (due, generation) = (Time::from_micros(1), self.attempt.generation);
        let owed = OwedMail { generation, ..mail(draw, due) };
        let lease = Lease { mail: owed.id, token: LeaseToken::from_bytes([1; 16]) };
        let key = self.attempt.address.key().clone();
        let leased = LeasedMail { lease, key, mail: owed, attempts: 1, unknowns: 0 };
        let rules = rules(keys);
        let mut run = Run::start(Deliver { leased }, &rules);
        let Some(Effect::FindAccount(ticket, _)) = run.take() else { panic!("Deliver finds first") };
        let state = WaitingState::Held { token: lease.token };
        let held = WaitingMail { id: lease.mail, purpose: Purpose::Activation, generation, state };
        let found = Found { waiting: vec![held], ..self.found() };
        run.accept(ticket.answer(Ok(found)), &rules).unwrap();
        let Some(Effect::CommitAccount(ticket, _)) = run.take() else {
            panic!("then it says that it begins")
        };
        run.accept(ticket.answer(Ok(Commit::Committed)), &rules).unwrap();
        let Some(Effect::PutCode(ticket, put)) = run.take() else { panic!("then it stores the code") };
        run.accept(ticket.answer(Ok(CodeStored)), &rules).unwrap();
        let Some(Effect::SendMail(_, send)) = run.take() else { panic!("then it sends") };
        let Template::Activation { code, .. } = send.template else { panic!("it sends the code") };
        (PutCode { mail: mail(number, due).id, ..put }, code)
    }

    /// Returns the order that redeems a code.
    pub(super) fn redeem_order(&self, code: &Code) -> RedeemCode {
        self.verified_redeem_order(code, &[1])
    }

    /// Returns the order as `redeem_order` does, with a MAC for each of these keys.
    pub(super) fn verified_redeem_order(&self, code: &Code, keys: &[u8]) -> RedeemCode {
        let (address, code) = (self.attempt.address.clone(), code.clone());
        let rules = rules(keys);
        let mut run =
            Run::start(Activate { address, code, client: Client::of([192, 0, 2, 1].into()) }, &rules);
        let Some(Effect::Random(ticket, _)) = run.take() else { panic!("Activate draws first") };
        run.accept(ticket.answer(Ok(Seed(Secret::new([1; 32])))), &rules).unwrap();
        let Some(Effect::FindAccount(ticket, _)) = run.take() else { panic!("then it finds") };
        run.accept(ticket.answer(Ok(self.found())), &rules).unwrap();
        let Some(Effect::HashPassword(ticket, _)) = run.take() else { panic!("then it hashes") };
        let PasswordRecord { params, hash, .. } = self.attempt.password.clone();
        run.accept(ticket.answer(Ok(Hashed { params, hash })), &rules).unwrap();
        let Some(Effect::RedeemCode(_, order)) = run.take() else { panic!("then it redeems") };
        order
    }

    /// Stores the code of `put_order`.
    pub(super) async fn put(&self, mail: u8, draw: u8) -> Code {
        let (order, code) = self.put_order(mail, draw);
        self.codes.put(&order).await.unwrap();
        code
    }

    /// Takes back a code that `put` has stored: its mail has not left.
    pub(super) async fn take_back(&self, mail: u8, draw: u8) {
        let (order, _) = self.put_order(mail, draw);
        let order = PutCode { ends: true, lifetime: Duration::ZERO, ..order };
        self.codes.put(&order).await.unwrap();
    }

    pub(super) async fn redeem(&self, code: &Code) -> Redemption {
        self.codes.redeem(&self.redeem_order(code)).await.unwrap()
    }

    /// Tries a code that is not among the first ten draws.
    pub(super) async fn guess(&self, n: usize) -> Redemption {
        self.codes.redeem(&self.guess_order(n)).await.unwrap()
    }

    pub(super) fn guess_order(&self, n: usize) -> RedeemCode {
        let typed = rules(&[1]).policy().code.parse(&format!("{n:06}")).unwrap();
        let order = self.redeem_order(&typed);
        let drawn: Vec<CodeMac> = (0..10).map(|draw| self.put_order(1, draw).0.mac).collect();
        assert!(!order.macs.iter().any(|mac| drawn.contains(mac)), "{n:06} is no wrong code");
        order
    }

    /// Uses up the remaining tries; returns how many there were.
    pub(super) async fn use_up(&self) -> usize {
        for used in 0..1000 {
            match self.guess(used).await {
                Redemption::Wrong => {}
                Redemption::Exhausted => return used,
                other @ (Redemption::Missing | Redemption::Redeemed) => panic!("{other:?}"),
            }
        }
        panic!("1000 tries and no end")
    }

    fn found(&self) -> Found {
        let row = Row { status: Status::Pending(self.attempt.clone()), ..pending("ada@example.org", 1) };
        Found { now: Time::from_micros(2), row: Some((Version(1), row)), waiting: Vec::new() }
    }
}

/// Returns the default policy with these keys and without a rate limit, so that flows admit every request.
fn rules(keys: &[u8]) -> Rules {
    let keys = CodeKeys::new(keys.iter().map(|key| CodeKey::new(Secret::new([*key; 32])))).unwrap();
    let policy = Policy { client_requests_per_minute: None, ..Policy::default() };
    assert_eq!(usize::from(policy.code_tries), TRIES);
    Rules::new(policy, keys).unwrap()
}
