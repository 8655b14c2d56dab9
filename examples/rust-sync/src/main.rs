//! A synchronous host, all in memory: registers an address, prints the mail, and activates the account
//! with the code that is typed.
//!
//!     rust-sync ada@example.org correct-horse-battery

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use auth_core::*;

const USAGE: &str = "usage: rust-sync ADDRESS PASSWORD, then codes line by line";

struct Host {
    rules: Rules,
    rows: HashMap<AddressKey, (Version, Row)>,
    /// Each with when it may be tried next.
    outbox: HashMap<(AddressKey, Purpose), (Time, LeasedMail)>,
    slots: HashMap<CodeSlot, Slot>,
}

/// The codes of one attempt: MAC, expiry, whether it was redeemed.
#[derive(Default)]
struct Slot {
    codes: Vec<(CodeMac, Time, bool)>,
    tries: u8,
    mails: HashSet<MailId>,
}

impl Host {
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
            Effect::Random(ticket, _) => ticket.with(random().map(|seed| Seed(Secret::new(seed)))),
            Effect::FindAccount(ticket, order) => {
                let mail_waits = self.outbox.contains_key(&(order.key.clone(), Purpose::Activation));
                ticket.with(Ok(Found { now: now(), row: self.rows.get(&order.key).cloned(), mail_waits }))
            }
            Effect::HashPassword(ticket, order) => ticket.with(hash(password, order)),
            Effect::CommitAccount(ticket, order) => {
                // No row is ever deleted here, so the version alone tells whether it is the one that was read.
                let stored = self.rows.get(&order.key).map_or(Version(0), |(version, _)| *version);
                if stored != order.expected {
                    return ticket.with(Ok(Commit::Conflict));
                }
                if let Some(mail) = order.mail {
                    // It stays in the outbox while it is under way.
                    let lease = Lease { mail: mail.id, token: LeaseToken::from_bytes([0; 16]) };
                    let (place, key) = ((order.key.clone(), mail.purpose), order.key.clone());
                    self.outbox
                        .insert(place, (mail.due, LeasedMail { lease, key, mail, attempts: 1, unknowns: 0 }));
                }
                self.rows.insert(order.key, (Version(stored.0 + 1), order.row));
                ticket.with(Ok(Commit::Committed))
            }
            Effect::PutCode(ticket, put) => {
                let slot = self.slots.entry(put.slot).or_default();
                if slot.mails.insert(put.mail) {
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
                let text = match &mail.template {
                    Template::Activation { code, .. } => code.expose(),
                    Template::Notice => "you have an account",
                };
                println!("mail to {}: {text}", mail.to.as_str());
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

    fn settle(&mut self, order: SettleMail) -> Settled {
        let held = self.outbox.values_mut().find(|(_, leased)| leased.lease == order.lease);
        let Some((next, leased)) = held else { return Settled::Lost }; // a newer mail took its place
        match order.settlement {
            Settlement::Begun { unknowns } => leased.unknowns = unknowns,
            Settlement::Retry { after, unknowns, .. } => {
                (*next, leased.attempts, leased.unknowns) =
                    (now().after(after), leased.attempts + 1, unknowns);
            }
            Settlement::Sent | Settlement::Superseded | Settlement::Dead { .. } => {
                self.outbox.retain(|_, (_, leased)| leased.lease != order.lease);
            }
        }
        Settled::Settled
    }

    /// Delivers the mails that are due. There is one worker, so no lease runs out.
    fn deliver(&mut self) {
        let due = self.outbox.values().filter(|(next, _)| *next <= now());
        for (_, leased) in due.cloned().collect::<Vec<_>>() {
            self.drive(Deliver { leased }, None).expect("nothing here fails");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this host's store has no other clock")]
fn now() -> Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    Time::from_micros(0).after(now)
}

fn random() -> Result<[u8; 32], Fault> {
    let mut octets = [0; 32];
    getrandom::fill(&mut octets).map(|()| octets).map_err(|_| Fault::NotDone)
}

fn hash(password: Option<&Password>, HashPassword { salt, params }: HashPassword) -> Result<Hashed, Fault> {
    // A password that was lost, or a function that this host does not have, is a fault.
    let (Some(password), Hashing::Scrypt(Scrypt { log2_n, r, p })) = (password, params) else {
        return Err(Fault::NotDone);
    };
    let cost = scrypt::Params::new(log2_n, r.into(), p.into()).map_err(|_| Fault::NotDone)?;
    let mut hash = [0; 32];
    let hashed = scrypt::scrypt(password.expose().as_bytes(), salt.as_bytes(), &cost, &mut hash);
    hashed.map(|()| Hashed { params, hash: Secret::new(hash) }).map_err(|_| Fault::NotDone)
}

fn main() -> Result<(), Box<dyn Error>> {
    let [address, password] = std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| USAGE)?;
    // Errors are shown as `main` returns them.
    let address = Address::parse(&address).map_err(|error| error.to_string())?;
    let password = Password::parse(&password).map_err(|error| error.message())?;
    let (client, locale) = (Client::of([127, 0, 0, 1].into()), Locale::parse("en")?);
    // In production the code key is kept; here it lasts as long as the codes do.
    let key = CodeKey::new(Secret::new(random().map_err(|_| "the system has no random octets")?));
    let rules = Rules::new(Policy::default(), CodeKeys::new([key])?)?;
    let mut host = Host { rules, rows: HashMap::new(), outbox: HashMap::new(), slots: HashMap::new() };

    // A real host estimates the password, with zxcvbn for example.
    let verdict = host.rules.policy().password.judge(&password, Estimate { score: 4, common: false });
    let register = Register { address: address.clone(), password: verdict, client, locale };
    println!("{:?}", host.drive(register, Some(&password)).map(|outcome| outcome.told));
    host.deliver();
    for line in std::io::stdin().lines() {
        let Some(code) = host.rules.policy().code.parse(&line?) else {
            println!("a code has six digits");
            continue;
        };
        let activate = Activate { address: address.clone(), code, client };
        println!("{:?}", host.drive(activate, Some(&password)).map(|outcome| outcome.told));
    }
    Ok(())
}
