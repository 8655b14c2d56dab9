//! The toy host: stores in RAM, mails on the console. What every host must do is in `carry_out`.

use core::{num::NonZeroU32, time::Duration};

use auth_core::{
    Activate, Activation, Address, Answered, Client, CodeKey, CodeKeys, ConstrainedFloor, Deliver, Effect,
    Ended, Estimate, Fault, Flow, HashFloor, HashPassword, Hashed, Hashing, LeaseToken, Locale,
    MemoryAccounts, MemoryCodes, Password, Policy, Register, Registration, Rules, Run, Secret, Seed, Sending,
    Template, Time,
};
use semihosting::{
    experimental::{random, time::SystemTime},
    println,
};

/// PBKDF2, since scrypt needs 128 MiB. 600,000 iterations would take 18 s at 168 MHz; a tenth of them makes a stolen
/// hash ten times as easy to guess, which is why the floor stands here, in the program.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(60_000).expect("it is not 0");

/// Longer than a delivery takes here, so that no lease has to be renewed.
const LEASE: Duration = Duration::from_secs(60);

/// The number of addresses, and of codes, in memory.
const ROOM: usize = 16;

pub(crate) struct Host {
    rules: Rules,
    accounts: MemoryAccounts,
    codes: MemoryCodes,
}

impl Host {
    pub(crate) fn new() -> Self {
        let policy = Policy {
            hash: Hashing::Pbkdf2 { iterations: ITERATIONS.get() },
            hash_floor: HashFloor::constrained(ConstrainedFloor::Pbkdf2 { iterations: ITERATIONS }),
            ..Policy::default()
        };
        // A real device stores its key; this one's lasts until it is switched off, as its codes do.
        let key = CodeKey::new(Secret::new(bytes().expect("the host gives random bytes")));
        let keys = CodeKeys::new([key]).expect("one key is valid");
        let rules = Rules::new(policy, keys).expect("the policy is valid");
        Self { rules, accounts: MemoryAccounts::new(ROOM), codes: MemoryCodes::new(ROOM) }
    }

    pub(crate) fn register(&mut self, address: &str, password: &str) -> Result<Registration, &'static str> {
        let (address, password) = parse(address, password)?;
        let verdict = self.rules.policy().password.judge(&password, Estimate { score: 4, common: false });
        let locale = Locale::parse("en").expect("the language tag is valid");
        let flow = Register { address, verdict, client: client(), locale };
        let disclosed = self.drive(flow, Some(&password)).map_err(|_| "try again")?.disclosed;
        self.deliver();
        Ok(disclosed)
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
        let token = || LeaseToken::from_bytes(bytes().expect("the host gives random bytes"));
        while let Some(leased) = self.accounts.lease(token(), LEASE, now()) {
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
            Effect::Admit(ticket, order) => ticket.answer(self.codes.admit(&order, now())),
            Effect::Random(ticket, _) => ticket.answer(bytes().map(|seed| Seed(Secret::new(seed)))),
            Effect::FindAccount(ticket, order) => ticket.answer(Ok(self.accounts.find(&order, now()))),
            Effect::HashPassword(ticket, order) => ticket.answer(hash(password, order)),
            Effect::CommitAccount(ticket, order) => ticket.answer(self.accounts.commit(order, now())),
            Effect::PutCode(ticket, order) => ticket.answer(self.codes.put(&order, now())),
            Effect::RedeemCode(ticket, order) => ticket.answer(Ok(self.codes.redeem(&order, now()))),
            Effect::SendMail(ticket, mail) => {
                match mail.template {
                    Template::Activation { code, .. } => {
                        println!("mail to {}: {}", mail.to.as_str(), code.expose())
                    }
                    // Nobody is owed other mails here.
                    _ => println!("mail to {}: you have an account", mail.to.as_str()),
                }
                ticket.answer(Ok(Sending::Accepted))
            }
            Effect::SettleMail(ticket, order) => ticket.answer(Ok(self.accounts.settle(&order, now()))),
            Effect::FindSession(ticket, order) => {
                ticket.answer(Ok(self.accounts.find_session(&order, now())))
            }
            Effect::PutSession(ticket, order) => ticket.answer(self.accounts.put_session(order, now())),
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

/// A real device has a clock of its own; this is the debugger's host's, in whole seconds.
fn now() -> Time {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Time::from_micros(0).after(now)
}

/// A real device has a generator of its own; this is the debugger's host's.
fn bytes<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    random::fill_bytes(&mut bytes).map_err(|_| Fault::NotDone)?;
    Ok(bytes)
}

fn hash(
    password: Option<&Password>,
    HashPassword { salt, params, .. }: HashPassword,
) -> Result<Hashed, Fault> {
    // A lost password, or a function that this host does not have, is a fault.
    let (Some(password), Hashing::Pbkdf2 { iterations }) = (password, params) else {
        return Err(Fault::NotDone);
    };
    let mut hash = [0; 32];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password.expose().as_bytes(), salt.as_bytes(), iterations, &mut hash);
    Ok(Hashed { params, hash: Secret::new(hash) })
}
