//! A host of the component in Rust, all in memory: registers an address, delivers the mail, activates.
//!
//! `cargo run -- path/to/auth-core.wasm`. Everything that a host must do is in `Host::carry_out`.

use std::{
    collections::{HashMap, HashSet},
    env,
    fs::File,
    io::Read,
};

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
        Activate, Admission, Answer, Commit, CommitAccount, Deliver, Effect, Fault, Found, HashFloor, Hashed,
        Hashing, Input, Lease, LeasedMail, Ordered, Purpose, Redemption, Register, Row, Scrypt, Sending,
        SettleMail, Settled, Settlement, Template, Told,
    },
};

type Octets = Vec<u8>;

struct Host {
    store: Store<()>,
    machine: Machine,
    rules: ResourceAny,
    /// Microseconds: the store's clock.
    now: u64,
    rows: HashMap<String, (u64, Row)>,
    /// A mail stays here while it is under way, with when it may be tried next.
    outbox: Vec<(u64, LeasedMail)>,
    slots: HashMap<Octets, Slot>,
    inbox: Vec<String>,
}

#[derive(Default)]
struct Slot {
    codes: Vec<Code>,
    tries: u8,
    mails: HashSet<Octets>,
}

struct Code {
    mac: Octets,
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
        // As strong as OWASP asks for, with less memory than the default.
        policy.hash = Hashing::Scrypt(Scrypt { log2_n: 13, r: 8, p: 10 });
        // In production: 32 random octets that are kept.
        let rules = flows.rules().call_create(&mut store, &policy, &HashFloor::Owasp, &[vec![7; 32]])?;
        let rules = rules.map_err(|bad| format_err!("{}: {}", bad.field, bad.message))?;
        let (rows, outbox, slots, inbox) = Default::default();
        Ok(Self { store, machine, rules, now: 1 << 50, rows, outbox, slots, inbox })
    }

    fn drive(&mut self, input: &Input, password: Option<&str>) -> Result<Told> {
        let flows = self.machine.auth_core_machine_flows().flow();
        let flow = flows.call_start(&mut self.store, self.rules, input)?;
        let flow = flow.map_err(|bad| format_err!("{}: {}", bad.field, bad.message))?;
        let told = self.go(flow, password);
        // However it ended, its memory is given back.
        flow.resource_drop(&mut self.store)?;
        told
    }

    fn go(&mut self, flow: ResourceAny, password: Option<&str>) -> Result<Told> {
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

    /// Delivers the mails that are due. There is one worker, so no lease runs out.
    fn deliver(&mut self) -> Result<()> {
        let due = self.outbox.iter_mut().filter(|(next, _)| *next <= self.now);
        let lease = |(_, leased): &mut (u64, LeasedMail)| {
            leased.attempts += 1;
            leased.clone()
        };
        for leased in due.map(lease).collect::<Vec<_>>() {
            println!("deliver: {:?}", self.drive(&Input::Deliver(Deliver { leased }), None)?);
        }
        Ok(())
    }

    fn settle(&mut self, SettleMail { lease, settlement }: SettleMail) -> Settled {
        let held = self.outbox.iter().position(|(_, leased)| leased.mail.id == lease.mail);
        let Some(place) = held else { return Settled::Lost }; // a newer mail took its place
        let (next, leased) = &mut self.outbox[place];
        match settlement {
            Settlement::Begun(begun) => leased.unknowns = begun.unknowns,
            Settlement::Retry(retry) => {
                (*next, leased.unknowns) = (self.now + retry.after, retry.unknowns);
            }
            Settlement::Sent | Settlement::Superseded | Settlement::Dead(_) => {
                self.outbox.remove(place);
            }
        }
        Settled::Settled
    }

    fn carry_out(&mut self, effect: Effect, password: Option<&str>) -> Answer {
        match effect {
            Effect::Admit(_) => Answer::Admit(Admission::Admitted), // nobody else is here
            Effect::Random => random().map_or(Answer::Fault(Fault::NotDone), Answer::Random),
            Effect::FindAccount(find) => {
                let waits = |(_, leased): &(u64, LeasedMail)| {
                    leased.key == find.key && leased.mail.purpose == Purpose::Activation
                };
                let mail_waits = self.outbox.iter().any(waits);
                Answer::FindAccount(Found {
                    now: self.now,
                    row: self.rows.get(&find.key).cloned(),
                    mail_waits,
                })
            }
            Effect::HashPassword(order) => match (password, order.params) {
                (Some(password), Hashing::Scrypt(params)) => {
                    let hash = hash(password, &order.salt, params);
                    Answer::HashPassword(Hashed { params: Hashing::Scrypt(params), hash })
                }
                // The password was lost, or it is a function that this host does not have.
                _ => Answer::Fault(Fault::NotDone),
            },
            Effect::CommitAccount(CommitAccount { key, expected, row, mail, .. }) => {
                // No row is deleted here, so the version alone says whether it is the one that was read.
                if self.rows.get(&key).map_or(0, |(version, _)| *version) != expected {
                    return Answer::CommitAccount(Commit::Conflict);
                }
                if let Some(mail) = mail {
                    self.outbox.retain(|(_, other)| other.key != key || other.mail.purpose != mail.purpose);
                    let lease = Lease { mail: mail.id.clone(), token: vec![0; 16] };
                    let next = mail.due;
                    let leased = LeasedMail { lease, key: key.clone(), mail, attempts: 0, unknowns: 0 };
                    self.outbox.push((next, leased));
                }
                self.rows.insert(key, (expected + 1, row));
                Answer::CommitAccount(Commit::Committed)
            }
            Effect::PutCode(put) => {
                let slot = self.slots.entry(put.slot).or_default();
                if slot.mails.insert(put.mail) {
                    slot.tries = put.tries; // once for each mail
                }
                let expires = self.now + put.lifetime;
                match slot.codes.iter_mut().find(|code| code.mac == put.mac) {
                    Some(code) => code.expires = expires,
                    None => slot.codes.push(Code { mac: put.mac, expires, redeemed: false }),
                }
                let surplus = slot.codes.len().saturating_sub(put.newest.into());
                slot.codes.drain(..surplus);
                Answer::PutCode
            }
            Effect::RedeemCode(redeem) => Answer::RedeemCode(self.redeem(&redeem.slot, &redeem.macs)),
            Effect::SendMail(mail) => {
                if let Template::Activation(activation) = mail.template {
                    self.inbox.push(activation.code);
                }
                Answer::SendMail(Sending::Accepted)
            }
            Effect::SettleMail(settle) => Answer::SettleMail(self.settle(settle)),
            Effect::Extension(_) => Answer::Unsupported,
        }
    }

    fn redeem(&mut self, slot: &Octets, macs: &[Octets]) -> Redemption {
        let Some(slot) = self.slots.get_mut(slot) else { return Redemption::Missing };
        slot.codes.retain(|code| self.now < code.expires);
        if slot.codes.is_empty() {
            return Redemption::Missing;
        }
        match slot.codes.iter_mut().find(|code| macs.contains(&code.mac)) {
            Some(code) if code.redeemed => Redemption::Redeemed, // once more, at no cost
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

fn random() -> Option<Octets> {
    let mut seed = vec![0; 32];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut seed)).ok()?;
    Some(seed)
}

fn hash(password: &str, salt: &[u8], Scrypt { log2_n, r, p }: Scrypt) -> Octets {
    let params = scrypt::Params::new(log2_n, r.into(), p.into()).expect("the core checks them");
    let mut hash = vec![0; 32];
    scrypt::scrypt(password.as_bytes(), salt, &params, &mut hash).expect("32 octets are allowed");
    hash
}

fn main() -> Result<()> {
    let path = env::args().nth(1).context("usage: wasmtime-rust auth-core.wasm")?;
    let mut host = Host::open(&path)?;
    let (address, password, client) = ("ada@example.org", "correct horse battery", vec![127, 0, 0, 1]);

    let register = Register {
        address: address.into(),
        // A real host estimates the password and asks `rules.judge`.
        password: Ok(()),
        client: client.clone(),
        locale: "en".into(),
    };
    println!("register: {:?}", host.drive(&Input::Register(register), Some(password))?);

    host.deliver()?;
    let code = host.inbox.pop().context("no mail came")?;
    let activate = Activate { address: address.into(), code, client };
    let told = host.drive(&Input::Activate(activate), Some(password))?;
    println!("activate: {told:?}");
    ensure!(format!("{told:?}").contains("Activated"), "the account is not active");
    Ok(())
}
