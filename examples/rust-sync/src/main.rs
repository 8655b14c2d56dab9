//! A synchronous host, all in memory. It reads commands from its standard input and prints its mails:
//!
//!     register ada@example.org correct-horse-battery
//!     activate ada@example.org correct-horse-battery 314159

use std::collections::{HashMap, HashSet};
use std::io::stdin;
use std::time::{SystemTime, UNIX_EPOCH};

use auth_core::*;

struct Host {
    rules: Rules,
    rows: HashMap<AddressKey, (Version, Row)>,
    outbox: HashMap<(AddressKey, Purpose), OwedMail>,
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
                self.outbox.extend(order.mail.map(|mail| ((order.key.clone(), mail.purpose), mail)));
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
                match mail.template {
                    Template::Activation { code, .. } => {
                        println!("mail to {}: {}", mail.to.as_str(), code.expose())
                    }
                    Template::Notice => println!("mail to {}: you have an account", mail.to.as_str()),
                }
                ticket.with(Ok(Sending::Accepted))
            }
            Effect::SettleMail(ticket, _) => ticket.with(Ok(Settled::Settled)), // there is one worker
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

    /// Delivers the mails that are due. There is one worker, so no lease is ever lost.
    fn deliver(&mut self) {
        let due: Vec<_> = self.outbox.extract_if(|_, mail| mail.due <= now()).collect();
        for ((key, _), mail) in due {
            let lease = Lease { mail: mail.id, token: LeaseToken::from_bytes([0; 16]) };
            let leased = LeasedMail { lease, key, mail, attempts: 1, unknowns: 0 };
            self.drive(Deliver { leased }, None).expect("nothing here fails");
        }
    }

    fn command(&mut self, words: &[&str]) -> Result<String, String> {
        let (command, address, secret, code) = match *words {
            [command @ "register", address, secret] => (command, address, secret, ""),
            [command @ "activate", address, secret, code] => (command, address, secret, code),
            _ => return Err("register ADDRESS PASSWORD or activate ADDRESS PASSWORD CODE".into()),
        };
        let address = Address::parse(address).map_err(|error| error.to_string())?;
        let secret = Password::parse(secret).map_err(|error| error.to_string())?;
        let client = Client::of([127, 0, 0, 1].into());
        let policy = self.rules.policy();
        let told = if command == "register" {
            // A real host estimates the password, with zxcvbn for example.
            let password = policy.password.judge(&secret, Estimate { score: 4, common: false });
            let locale = Locale::parse("en").expect("it is a language tag");
            let flow = Register { address, password, client, locale };
            format!("{:?}", self.drive(flow, Some(&secret)).map(|outcome| outcome.told))
        } else {
            let code = policy.code.parse(code).ok_or("a code has six digits")?;
            let flow = Activate { address, code, client };
            format!("{:?}", self.drive(flow, Some(&secret)).map(|outcome| outcome.told))
        };
        self.deliver();
        Ok(told)
    }
}

#[expect(clippy::disallowed_methods, reason = "this host's store has no other clock")]
fn now() -> Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    Time::from_micros(0).after(now)
}

fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(|_| Fault::NotDone)?;
    Ok(octets)
}

fn hash(password: Option<&Password>, HashPassword { salt, params }: HashPassword) -> Result<Hashed, Fault> {
    // A password that was lost, or a function that this host does not have, is a fault.
    let (Some(password), Hashing::Scrypt(Scrypt { log2_n, r, p })) = (password, params) else {
        return Err(Fault::NotDone);
    };
    let cost = scrypt::Params::new(log2_n, r.into(), p.into()).map_err(|_| Fault::NotDone)?;
    let mut hash = [0; 32];
    scrypt::scrypt(password.expose().as_bytes(), salt.as_bytes(), &cost, &mut hash)
        .map_err(|_| Fault::NotDone)?;
    Ok(Hashed { params, hash: Secret::new(hash) })
}

fn main() {
    // In production the code key is kept; here it lasts as long as the codes do.
    let key = CodeKey::new(Secret::new(random().expect("the system has random octets")));
    let keys = CodeKeys::new([key]).expect("it is one key");
    let rules = Rules::new(Policy::default(), keys).expect("the default policy is a good one");
    let (rows, outbox, slots) = Default::default();
    let mut host = Host { rules, rows, outbox, slots };
    for line in stdin().lines().map_while(Result::ok) {
        match host.command(&line.split_whitespace().collect::<Vec<_>>()) {
            Ok(told) | Err(told) => println!("{told}"),
        }
    }
}
