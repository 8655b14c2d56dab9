//! Owns the toy host: stores in RAM, mails to whoever watches. What every host must do is in `carry_out`.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{num::NonZeroU32, time::Duration};

use auth_core::{
    Activate, Activation, Address, AddressKey, Admission, Answered, Client, CodeKey, CodeKeys, CodeMac,
    CodeSlot, CodeStored, Commit, ConstrainedFloor, Deliver, Effect, Ended, Estimate, Fault, Flow, Found,
    HashFloor, HashPassword, Hashed, Hashing, Lease, LeaseToken, LeasedMail, Locale, MailId, Password,
    Policy, Purpose, Redemption, Register, Registration, Row, Rules, Run, Secret, Seed, Sending, SettleMail,
    Settled, Settlement, Template, Time, Version,
};
use semihosting::{
    experimental::{random, time::SystemTime},
    println,
};

/// PBKDF2, since scrypt wants 128 MiB. 600,000 iterations would take 18 s on a part with 168 MHz; a tenth
/// of them makes a stolen hash a tenth as hard to guess, and that is said here, in the program.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(60_000).expect("it is not 0");

pub(crate) struct Host {
    rules: Rules,
    rows: BTreeMap<AddressKey, (Version, Row)>,
    /// Each with when it may be tried next.
    outbox: BTreeMap<(AddressKey, Purpose), (Time, LeasedMail)>,
    slots: BTreeMap<CodeSlot, Slot>,
}

#[derive(Default)]
struct Slot {
    codes: Vec<(CodeMac, Time, bool)>,
    tries: u8,
    mails: Vec<MailId>,
}

impl Host {
    pub(crate) fn new() -> Self {
        let policy = Policy {
            hash: Hashing::Pbkdf2 { iterations: ITERATIONS.get() },
            hash_floor: HashFloor::constrained(ConstrainedFloor::Pbkdf2 { iterations: ITERATIONS }),
            ..Policy::default()
        };
        // A real part keeps its key; this one's lasts until it is switched off, as its codes do.
        let key = CodeKey::new(Secret::new(octets().expect("the host gives random octets")));
        let keys = CodeKeys::new([key]).expect("it is one key");
        let rules = Rules::new(policy, keys).expect("the policy is a good one");
        Self { rules, rows: BTreeMap::new(), outbox: BTreeMap::new(), slots: BTreeMap::new() }
    }

    pub(crate) fn register(&mut self, address: &str, password: &str) -> Result<Registration, &'static str> {
        let (address, password) = parse(address, password)?;
        let verdict = self.rules.policy().password.judge(&password, Estimate { score: 4, common: false });
        let locale = Locale::parse("en").expect("it is a language tag");
        let flow = Register { address, password: verdict, client: client(), locale };
        let told = self.drive(flow, Some(&password)).map_err(|_| "try again")?.told;
        self.deliver();
        Ok(told)
    }

    pub(crate) fn activate(
        &mut self,
        address: &str,
        password: &str,
        code: &str,
    ) -> Result<Activation, &'static str> {
        let (address, password) = parse(address, password)?;
        let code = self.rules.policy().code.parse(code).ok_or("a code has six digits")?;
        let flow = Activate { address, code, client: client() };
        Ok(self.drive(flow, Some(&password)).map_err(|_| "try again")?.told)
    }

    fn settle(&mut self, order: SettleMail) -> Settled {
        let held = self.outbox.iter_mut().find(|(_, (_, leased))| leased.lease == order.lease);
        let Some((place, (next, leased))) = held else { return Settled::Lost }; // a newer mail took its place
        match order.settlement {
            Settlement::Begun { unknowns } => leased.unknowns = unknowns,
            Settlement::Retry { after, unknowns, .. } => {
                (*next, leased.unknowns) = (now().after(after), unknowns);
            }
            Settlement::Sent | Settlement::Superseded | Settlement::Dead { .. } => {
                let place = place.clone();
                self.outbox.remove(&place);
            }
        }
        Settled::Settled
    }

    /// Delivers the mails that are due. There is one worker, so no lease runs out.
    fn deliver(&mut self) {
        let due = self.outbox.values_mut().filter(|(next, _)| *next <= now());
        for leased in due
            .map(|(_, leased)| {
                leased.attempts += 1;
                leased.clone()
            })
            .collect::<Vec<_>>()
        {
            self.drive(Deliver { leased }, None).expect("nothing here fails");
        }
    }

    fn drive<F: Flow>(&mut self, flow: F, password: Option<&Password>) -> Ended<F> {
        let mut run = Run::start(flow, &self.rules);
        while let Some(effect) = run.take() {
            let answered = self.carry_out(effect, password);
            run.accept(answered, &self.rules).expect("one loop answers each order once");
        }
        run.into_outcome().unwrap_or_else(|run| panic!("{run:?} waits"))
    }

    fn carry_out(&mut self, effect: Effect, password: Option<&Password>) -> Answered {
        match effect {
            Effect::Admit(ticket, _) => ticket.with(Ok(Admission::Admitted)), // nobody else is here
            Effect::Random(ticket, _) => ticket.with(octets().map(|seed| Seed(Secret::new(seed)))),
            Effect::FindAccount(ticket, order) => {
                let mail_waits = self.outbox.contains_key(&(order.key.clone(), Purpose::Activation));
                ticket.with(Ok(Found { now: now(), row: self.rows.get(&order.key).cloned(), mail_waits }))
            }
            Effect::HashPassword(ticket, order) => ticket.with(hash(password, order)),
            Effect::CommitAccount(ticket, order) => {
                let stored = self.rows.get(&order.key).map_or(Version(0), |(version, _)| *version);
                if stored != order.expected {
                    return ticket.with(Ok(Commit::Conflict));
                }
                if let Some(mail) = order.mail {
                    // It stays in the outbox while it is under way.
                    let lease = Lease { mail: mail.id, token: LeaseToken::from_bytes([0; 16]) };
                    let (place, key) = ((order.key.clone(), mail.purpose), order.key.clone());
                    let leased = (mail.due, LeasedMail { lease, key, mail, attempts: 0, unknowns: 0 });
                    self.outbox.insert(place, leased);
                }
                self.rows.insert(order.key, (Version(stored.0 + 1), order.row));
                ticket.with(Ok(Commit::Committed))
            }
            Effect::PutCode(ticket, put) => {
                let slot = self.slots.entry(put.slot).or_default();
                if !slot.mails.contains(&put.mail) {
                    slot.mails.push(put.mail);
                    slot.tries = put.tries; // once for each mail
                }
                let expires = now().after(put.lifetime);
                match slot.codes.iter_mut().find(|code| code.0 == put.mac) {
                    Some(code) => code.1 = expires,
                    None => slot.codes.push((put.mac, expires, false)),
                }
                slot.codes.drain(..slot.codes.len().saturating_sub(put.newest.into()));
                ticket.with(Ok(CodeStored))
            }
            Effect::RedeemCode(ticket, order) => ticket.with(Ok(self.redeem(order.slot, &order.macs))),
            Effect::SendMail(ticket, mail) => {
                match mail.template {
                    Template::Activation { code, .. } => {
                        println!("mail to {}: {}", mail.to.as_str(), code.expose())
                    }
                    Template::Notice => println!("mail to {}: you have an account", mail.to.as_str()),
                }
                ticket.with(Ok(Sending::Accepted))
            }
            Effect::SettleMail(ticket, order) => ticket.with(Ok(self.settle(order))),
        }
    }

    fn redeem(&mut self, slot: CodeSlot, macs: &[CodeMac]) -> Redemption {
        let Some(slot) = self.slots.get_mut(&slot) else { return Redemption::Missing };
        slot.codes.retain(|code| now() < code.1);
        let empty = slot.codes.is_empty();
        match slot.codes.iter_mut().find(|code| macs.contains(&code.0)) {
            None if empty => Redemption::Missing,
            Some((.., true)) => Redemption::Redeemed, // once more, at no cost
            _ if slot.tries == 0 => Redemption::Exhausted,
            code => {
                slot.tries -= 1; // before the visitor learns anything
                code.map(|code| code.2 = true).map_or(Redemption::Wrong, |()| Redemption::Redeemed)
            }
        }
    }
}

fn parse(address: &str, password: &str) -> Result<(Address, Password), &'static str> {
    let address = Address::parse(address).map_err(|error| error.message())?;
    let password = Password::parse(password).map_err(|error| error.message())?;
    Ok((address, password))
}

fn client() -> Client {
    Client::of([127, 0, 0, 1].into())
}

/// A part has a clock of its own; this is the host's, in whole seconds.
fn now() -> Time {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Time::from_micros(0).after(now)
}

/// A part has a generator of its own; this is the host's.
fn octets() -> Result<[u8; 32], Fault> {
    let mut octets = [0; 32];
    random::fill_bytes(&mut octets).map_err(|_| Fault::NotDone)?;
    Ok(octets)
}

fn hash(password: Option<&Password>, HashPassword { salt, params }: HashPassword) -> Result<Hashed, Fault> {
    // A password that was lost, or a function that this host does not have, is a fault.
    let (Some(password), Hashing::Pbkdf2 { iterations }) = (password, params) else {
        return Err(Fault::NotDone);
    };
    let mut hash = [0; 32];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password.expose().as_bytes(), salt.as_bytes(), iterations, &mut hash);
    Ok(Hashed { params, hash: Secret::new(hash) })
}
