//! Owns the toy host: stores in RAM, mails to whoever watches. What every host must do is in `carry_out`.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{num::NonZeroU32, time::Duration};

use auth_core::{
    Activate, Activation, Address, AddressKey, Admission, Answered, Client, CodeKey, CodeKeys, CodeSlot,
    CodeStored, Commit, CommitAccount, ConstrainedFloor, Deliver, Effect, Ended, Estimate, Fault, Flow, Found,
    HashFloor, HashPassword, Hashed, Hashing, LeaseToken, Locale, MailChange, Password, Policy, Purpose,
    QueuedMail, Redemption, Register, Registration, Row, Rules, Run, Secret, Seed, Sending, Settled, Slot,
    Template, Time, Version,
};
use semihosting::{
    experimental::{random, time::SystemTime},
    println,
};

/// PBKDF2, since scrypt wants 128 MiB. 600,000 iterations would take 18 s on a part with 168 MHz; a tenth
/// of them makes a stolen hash a tenth as hard to guess, and that is said here, in the program.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(60_000).expect("it is not 0");

/// Longer than a delivery takes here, so that none has to be renewed.
const LEASE: Duration = Duration::from_secs(60);

pub(crate) struct Host {
    rules: Rules,
    rows: BTreeMap<AddressKey, (Version, Row)>,
    outbox: BTreeMap<(AddressKey, Purpose), QueuedMail>,
    slots: BTreeMap<CodeSlot, Slot>,
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
        let flow = Register { address, verdict, client: client(), locale };
        let told = self.drive(flow, Some(&password)).map_err(|_| "try again")?.disclosed;
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
        Ok(self.drive(flow, Some(&password)).map_err(|_| "try again")?.disclosed)
    }

    /// Delivers the mails that are due.
    fn deliver(&mut self) {
        let token = || LeaseToken::from_bytes(octets().expect("the host gives random octets"));
        let lease = |queued: &mut QueuedMail| queued.lease(token(), LEASE, now());
        for leased in self.outbox.values_mut().filter_map(lease).collect::<Vec<_>>() {
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
            Effect::Admit(ticket, _) => ticket.answer(Ok(Admission::Admitted)), // nobody else is here
            Effect::Random(ticket, _) => ticket.answer(octets().map(|seed| Seed(Secret::new(seed)))),
            Effect::FindAccount(ticket, order) => ticket.answer(Ok(self.find(&order.key))),
            Effect::HashPassword(ticket, order) => ticket.answer(hash(password, order)),
            Effect::CommitAccount(ticket, order) => ticket.answer(Ok(self.commit(order))),
            Effect::PutCode(ticket, order) => {
                self.slots.entry(order.slot).or_default().put(&order, now());
                ticket.answer(Ok(CodeStored))
            }
            Effect::RedeemCode(ticket, order) => {
                let slot = self.slots.get_mut(&order.slot);
                ticket.answer(Ok(slot.map_or(Redemption::Missing, |slot| slot.redeem(&order, now()))))
            }
            Effect::SendMail(ticket, mail) => {
                match mail.template {
                    Template::Activation { code, .. } => {
                        println!("mail to {}: {}", mail.to.as_str(), code.expose())
                    }
                    Template::Notice => println!("mail to {}: you have an account", mail.to.as_str()),
                }
                ticket.answer(Ok(Sending::Accepted))
            }
            Effect::SettleMail(ticket, order) => {
                let queued = self.outbox.values_mut().find(|queued| queued.mail().id == order.lease.mail);
                let settled = queued.map_or(Settled::Lost, |queued| queued.settle(&order, now()));
                self.outbox.retain(|_, queued| !queued.is_over());
                ticket.answer(Ok(settled))
            }
        }
    }

    fn find(&self, key: &AddressKey) -> Found {
        let mails = Purpose::ALL.iter().filter_map(|purpose| self.outbox.get(&(key.clone(), *purpose)));
        let waiting = mails.filter_map(|queued| queued.waiting(now())).collect();
        Found { now: now(), row: self.rows.get(key).cloned(), waiting }
    }

    fn commit(&mut self, order: CommitAccount) -> Commit {
        if !order.fits(&self.find(&order.key)) {
            return Commit::Conflict;
        }
        match order.mail {
            Some(MailChange::Owe(mail)) => {
                let place = (order.key.clone(), mail.purpose);
                self.outbox.insert(place, QueuedMail::new(order.key.clone(), mail));
            }
            Some(MailChange::Begin { mail, unknowns }) => {
                self.outbox.values_mut().for_each(|queued| queued.begin(mail, unknowns));
            }
            None => {}
        }
        self.rows.insert(order.key, (Version(order.expected.0 + 1), order.row));
        Commit::Committed
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
fn octets<const N: usize>() -> Result<[u8; N], Fault> {
    let mut octets = [0; N];
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
