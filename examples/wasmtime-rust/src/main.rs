//! A host of the component in Rust, all in memory: registers an address, delivers the mail, activates, logs in, says
//! who is logged in, and logs out.
//!
//! `cargo run -- path/to/auth-core.wasm`. Everything that a host must do is in `Host::carry_out`.

use std::{collections::HashMap, env, fs::File, io::Read};

use wasmtime::{
    Engine, Result, Store,
    component::{Component, Linker, ResourceAny},
    ensure,
    error::Context,
    format_err,
};

mod bindings {
    wasmtime::component::bindgen!({ path: "../../auth-component/wit", world: "machine" });
}

use bindings::{
    Machine,
    exports::auth_core::machine::flows::{
        Activate, Admission, Answer, Commit, CommitAccount, Disclosed, Effect, Fault, Found, FoundSession,
        FreeMail, HashFloor, Hashed, Hashing, HeldMail, Input, Lease, LeasedMail, LoggingIn, Login,
        MailChange, Ordered, Outcome, PutCode, PutSession, RedeemCode, Redemption, Register, Row, Scrypt,
        Sending, Session, SessionChange, SessionStored, SettleMail, Settled, Settlement, Shown, Status,
        Template, WaitingMail, WaitingState,
    },
};

type Bytes = Vec<u8>;

struct Host {
    store: Store<()>,
    machine: Machine,
    rules: ResourceAny,
    /// The store's clock, in microseconds.
    now: u64,
    rows: HashMap<String, (u64, Row)>,
    /// A mail stays here while it is being sent.
    outbox: Vec<Queued>,
    slots: HashMap<Bytes, Slot>,
    /// By the hash of their tokens.
    sessions: HashMap<Bytes, Session>,
    inbox: Vec<String>,
}

/// A mail, when it may be tried next, and whether the worker has it.
struct Queued {
    next: u64,
    held: bool,
    leased: LeasedMail,
}

#[derive(Default)]
struct Slot {
    codes: Vec<Code>,
    tries: u8,
    mails: Vec<Bytes>,
}

struct Code {
    mac: Bytes,
    lease: Bytes,
    expires: u64,
    redeemed: bool,
}

impl Host {
    fn open(path: &str) -> Result<Self> {
        let engine = Engine::default();
        let component = Component::from_file(&engine, path)?;
        let mut store = Store::new(&engine, ());
        // The component imports nothing.
        let machine = Machine::instantiate(&mut store, &component, &Linker::new(&engine))?;
        let flows = machine.auth_core_machine_flows();
        let mut policy = flows.call_default_policy(&mut store)?;
        // Within OWASP's list, with less memory than the default.
        policy.hash = Hashing::Scrypt(Scrypt { log2_n: 13, r: 8, p: 10 });
        // In production: 32 random bytes that are stored.
        let rules = flows.rules().call_create(&mut store, &policy, &HashFloor::Owasp, &[vec![7; 32]])?;
        let rules = rules.map_err(|bad| format_err!("{}: {}", bad.field, bad.message))?;
        let (rows, outbox, slots, sessions, inbox) = Default::default();
        Ok(Self { store, machine, rules, now: 1 << 50, rows, outbox, slots, sessions, inbox })
    }

    fn drive(&mut self, input: &Input, password: Option<&str>) -> Result<Outcome> {
        let flows = self.machine.auth_core_machine_flows().flow();
        let flow = flows.call_start(&mut self.store, self.rules, input)?;
        let flow = flow.map_err(|bad| format_err!("{}: {}", bad.field, bad.message))?;
        let output = self.go(flow, password);
        // However the flow ended, its memory is freed.
        flow.resource_drop(&mut self.store)?;
        output
    }

    fn go(&mut self, flow: ResourceAny, password: Option<&str>) -> Result<Outcome> {
        loop {
            let flows = self.machine.auth_core_machine_flows().flow();
            let Some(Ordered { ticket, effect }) = flows.call_take(&mut self.store, flow)? else {
                let outcome = flows.call_outcome(&mut self.store, flow)?.context("an answer is missing")?;
                return outcome.map_err(|broken| format_err!("{broken:?}: answer 503"));
            };
            let answer = self.carry_out(effect, password);
            let flows = self.machine.auth_core_machine_flows().flow();
            let taken = flows.call_answer(&mut self.store, flow, &ticket, &answer)?;
            taken.map_err(|refused| format_err!("{refused:?}"))?;
        }
    }

    /// Delivers the mails that are due. There is only one worker, so no lease expires.
    fn deliver(&mut self) -> Result<()> {
        let mut due = Vec::new();
        for queued in self.outbox.iter_mut().filter(|queued| !queued.held && queued.next <= self.now) {
            queued.held = true;
            queued.leased.attempts += 1;
            queued.leased.lease.token = random(16).context("the system has no random bytes")?;
            due.push(queued.leased.clone());
        }
        for leased in due {
            println!("deliver: {:?}", self.drive(&Input::Deliver(leased), None)?);
        }
        Ok(())
    }

    fn settle(&mut self, SettleMail { lease, settlement }: SettleMail) -> Settled {
        let held = |queued: &Queued| {
            let now = &queued.leased.lease;
            queued.held && (&now.mail, &now.token) == (&lease.mail, &lease.token)
        };
        let Some(place) = self.outbox.iter().position(held) else { return Settled::Lost };
        match settlement {
            Settlement::Retry(retry) => {
                let queued = &mut self.outbox[place];
                (queued.next, queued.held) = (self.now + retry.after, false);
                queued.leased.unknowns = retry.unknowns;
            }
            Settlement::Sent | Settlement::Superseded | Settlement::Dead(_) => {
                self.outbox.remove(place);
            }
        }
        Settled::Settled
    }

    fn find(&self, key: &str) -> Found {
        let mails = self.outbox.iter().filter(|queued| queued.leased.key == key);
        let waits = |queued: &Queued| {
            let LeasedMail { lease, mail, .. } = &queued.leased;
            let state = match queued.held {
                true => WaitingState::Held(HeldMail { token: lease.token.clone() }),
                false => WaitingState::Free(FreeMail { next: queued.next }),
            };
            WaitingMail {
                id: mail.id.clone(),
                purpose: mail.purpose,
                generation: mail.generation.clone(),
                state,
            }
        };
        let mut waiting: Vec<WaitingMail> = mails.map(waits).collect();
        waiting.sort_by_key(|mail| mail.purpose as u8);
        Found { now: self.now, row: self.rows.get(key).cloned(), waiting }
    }

    fn commit(&mut self, order: &CommitAccount) -> Answer {
        // What registers, activates and logs in changes one row, and ends no sessions.
        let ([change], None) = (&order.changes[..], &order.end) else { return Answer::Fault(Fault::NotDone) };
        let Found { now, row, waiting } = self.find(&change.key);
        // No row is deleted here, so the version alone shows whether the row is the one that was read. The mails must
        // be unchanged, too.
        let (version, waiting) = (row.map_or(0, |(version, _)| version), format!("{waiting:?}"));
        if (version, waiting) != (change.expected, format!("{:?}", change.waiting)) || now > change.until {
            return Answer::CommitAccount(Commit::Conflict);
        }
        for mail in &change.mails {
            match mail {
                MailChange::Owe(mail) => {
                    let in_its_place = |queued: &Queued| {
                        queued.leased.key == change.key && queued.leased.mail.purpose == mail.purpose
                    };
                    self.outbox.retain(|queued| !in_its_place(queued));
                    let lease = Lease { mail: mail.id.clone(), token: vec![0; 16] };
                    let (next, key) = (mail.first_due, change.key.clone());
                    let leased = LeasedMail { lease, key, mail: mail.clone(), attempts: 0, unknowns: 0 };
                    self.outbox.push(Queued { next, held: false, leased });
                }
                MailChange::Begin(begin) => {
                    for queued in self.outbox.iter_mut().filter(|one| one.leased.mail.id == begin.mail) {
                        queued.leased.unknowns = begin.unknowns;
                    }
                }
            }
        }
        self.rows.insert(change.key.clone(), (change.expected + 1, change.row.clone()));
        Answer::CommitAccount(Commit::Committed)
    }

    fn carry_out(&mut self, effect: Effect, password: Option<&str>) -> Answer {
        match effect {
            Effect::Admit(_) => Answer::Admit(Admission::Admitted), // nobody else is here
            Effect::Random => random(32).map_or(Answer::Fault(Fault::NotDone), Answer::Random),
            Effect::FindAccount(order) => Answer::FindAccount(self.find(&order.key)),
            Effect::HashPassword(order) => match (password, order.params) {
                (Some(password), Hashing::Scrypt(params)) => {
                    let hash = hash(password, &order.salt, params);
                    Answer::HashPassword(Hashed { params: Hashing::Scrypt(params), hash })
                }
                // The password was lost, or this host does not have the function.
                _ => Answer::Fault(Fault::NotDone),
            },
            Effect::CommitAccount(order) => self.commit(&order),
            Effect::PutCode(order) => {
                self.put(order);
                Answer::PutCode
            }
            Effect::RedeemCode(order) => Answer::RedeemCode(self.redeem(&order)),
            Effect::SendMail(mail) => {
                if let Template::Activation(activation) = mail.template {
                    self.inbox.push(activation.code);
                }
                Answer::SendMail(Sending::Accepted)
            }
            Effect::SettleMail(settle) => Answer::SettleMail(self.settle(settle)),
            Effect::FindSession(order) => {
                let session = self.sessions.get(&order.token).cloned();
                let account = session.as_ref().and_then(|session| self.account(&session.account));
                Answer::FindSession(FoundSession { now: self.now, session, account })
            }
            Effect::PutSession(order) => Answer::PutSession(self.put_session(order)),
            Effect::Extension(_) => Answer::Unsupported,
        }
    }

    /// Finds an account by its id, with the address that leads to it.
    fn account(&self, id: &Bytes) -> Option<(String, Row)> {
        let is = |row: &Row| matches!(&row.status, Status::Active(active) if active.id == *id);
        self.rows.iter().find(|(_, (_, row))| is(row)).map(|(key, (_, row))| (key.clone(), row.clone()))
    }

    fn put_session(&mut self, PutSession { token, change }: PutSession) -> SessionStored {
        match change {
            SessionChange::Open(open) => {
                // The reply to an earlier order may have been lost.
                if self.sessions.contains_key(&token) {
                    return SessionStored::Done;
                }
                let (account, generation) = (&open.session.account, &open.session.generation);
                // Threat: a login that a new password, a block or a deletion overtakes.
                let admitted = self.account(account).is_some_and(|(_, row)| {
                    matches!(row.status, Status::Active(active)
                        if active.attempt.generation == *generation && !active.blocked)
                });
                if !admitted || open.replaces.is_some_and(|old| self.sessions.remove(&old).is_none()) {
                    return SessionStored::Gone;
                }
                self.sessions.insert(token, open.session.clone());
                let own = self.sessions.iter().filter(|(_, session)| session.account == open.session.account);
                let mut own: Vec<_> = own.map(|(token, session)| (session.created, token.clone())).collect();
                own.sort();
                for (_, oldest) in own.iter().take(own.len().saturating_sub(open.newest.into())) {
                    self.sessions.remove(oldest);
                }
                SessionStored::Done
            }
            SessionChange::Touch(touch) => match self.sessions.get_mut(&token) {
                Some(session) if session.seen < touch.seen => {
                    (session.seen, session.expires) = (touch.seen, touch.expires);
                    SessionStored::Done
                }
                _ => SessionStored::Gone,
            },
            SessionChange::End => match self.sessions.remove(&token) {
                Some(_) => SessionStored::Done,
                None => SessionStored::Gone,
            },
        }
    }

    fn put(&mut self, put: PutCode) {
        let (slot, now) = (self.slots.entry(put.slot).or_default(), self.now);
        let expires = now + put.lifetime;
        slot.codes.retain(|code| now < code.expires);
        match slot.codes.iter_mut().find(|code| code.mac == put.mac) {
            // Another worker is sending the mail again.
            Some(code) if put.ends && code.lease != put.lease => {}
            Some(code) => (code.lease, code.expires) = (put.lease, expires),
            None => slot.codes.push(Code { mac: put.mac, lease: put.lease, expires, redeemed: false }),
        }
        if put.lifetime > 0 && !slot.mails.contains(&put.mail) {
            slot.tries = put.tries; // once for each mail
            slot.mails.push(put.mail);
            slot.mails.drain(..slot.mails.len().saturating_sub(put.mails.into()));
        }
        slot.codes.retain(|code| now < code.expires);
        // One more than are valid: the newest may be removed.
        slot.codes.drain(..slot.codes.len().saturating_sub(usize::from(put.newest) + 1));
    }

    fn redeem(&mut self, order: &RedeemCode) -> Redemption {
        let Some(slot) = self.slots.get_mut(&order.slot) else { return Redemption::Missing };
        let living = slot.codes.iter_mut().rev().filter(|code| self.now < code.expires);
        let mut good: Vec<&mut Code> = living.take(order.newest.into()).collect();
        if good.is_empty() {
            return Redemption::Missing;
        }
        match good.iter_mut().find(|code| order.macs.contains(&code.mac)) {
            Some(code) if code.redeemed => Redemption::Redeemed, // again: no try is counted
            _ if slot.tries == 0 => Redemption::Exhausted,
            code => {
                slot.tries -= 1; // before the visitor learns anything
                code.map_or(Redemption::Wrong, |code| {
                    code.redeemed = true;
                    Redemption::Redeemed
                })
            }
        }
    }
}

fn random(count: usize) -> Option<Bytes> {
    let mut seed = vec![0; count];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut seed)).ok()?;
    Some(seed)
}

fn hash(password: &str, salt: &[u8], Scrypt { log2_n, r, p }: Scrypt) -> Bytes {
    let params = scrypt::Params::new(log2_n, r.into(), p.into()).expect("the core checks them");
    let mut hash = vec![0; 32];
    scrypt::scrypt(password.as_bytes(), salt, &params, &mut hash).expect("32 bytes are allowed");
    hash
}

fn main() -> Result<()> {
    let path = env::args().nth(1).context("usage: wasmtime-rust auth-core.wasm")?;
    let mut host = Host::open(&path)?;
    let (address, password, client) = ("ada@example.org", "correct horse battery", vec![127, 0, 0, 1]);

    let register = Register {
        address: address.into(),
        // A real host estimates the password (auth-strength) and asks `rules.judge`.
        verdict: Ok(()),
        client: client.clone(),
        locale: "en".into(),
    };
    println!("register: {:?}", host.drive(&Input::Register(register), Some(password))?);

    host.deliver()?;
    let code = host.inbox.pop().context("no mail has arrived")?;
    let activate = Activate { address: address.into(), code, client: client.clone() };
    let output = host.drive(&Input::Activate(activate), Some(password))?;
    println!("activate: {output:?}");

    let login = Login { address: address.into(), client, device: None, agent: "wasmtime-rust".into() };
    let output = host.drive(&Input::Login(login), Some(password))?;
    let Disclosed::Login(LoggingIn::LoggedIn(opened)) = output.disclosed else {
        return Err(format_err!("not logged in: {}", output.event));
    };
    let shown = Shown { token: opened.token };
    let known = host.drive(&Input::Authenticate(shown.clone()), None)?;
    println!("authenticate: {known:?}");
    ensure!(known.event == "authenticated", "the session does not count");
    println!("logout: {:?}", host.drive(&Input::Logout(shown.clone()), None)?);
    let known = host.drive(&Input::Authenticate(shown), None)?;
    ensure!(known.event == "no_session", "the session still counts");
    Ok(())
}
