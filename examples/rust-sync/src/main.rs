//! A synchronous host, all in memory: registers an address, prints the mail, activates the account with the typed
//! code, logs in, says who is logged in, and logs out.
//!
//!     rust-sync ada@example.org correct-horse-battery

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_core::*;

const USAGE: &str = "usage: rust-sync ADDRESS PASSWORD, then codes line by line";

/// Longer than a delivery takes here, so that no lease has to be renewed.
const LEASE: Duration = Duration::from_secs(60);

/// The number of addresses, and of codes, in memory.
const ROOM: usize = 1000;

struct Host {
    rules: Rules,
    accounts: MemoryAccounts,
    codes: MemoryCodes,
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
            Effect::Admit(ticket, order) => ticket.answer(self.codes.admit(&order, now())),
            Effect::Random(ticket, _) => ticket.answer(random().map(|seed| Seed(Secret::new(seed)))),
            Effect::FindAccount(ticket, order) => ticket.answer(Ok(self.accounts.find(&order, now()))),
            Effect::HashPassword(ticket, order) => ticket.answer(hash(password, order)),
            Effect::CommitAccount(ticket, order) => ticket.answer(self.accounts.commit(order, now())),
            Effect::PutCode(ticket, order) => ticket.answer(self.codes.put(&order, now())),
            Effect::RedeemCode(ticket, order) => ticket.answer(Ok(self.codes.redeem(&order, now()))),
            Effect::SendMail(ticket, mail) => {
                let text = match &mail.template {
                    Template::Activation { code, .. } => code.expose(),
                    _ => "you have an account", // nobody is owed other mails here
                };
                println!("mail to {}: {text}", mail.to.as_str());
                ticket.answer(Ok(Sending::Accepted))
            }
            Effect::SettleMail(ticket, order) => ticket.answer(Ok(self.accounts.settle(&order, now()))),
            Effect::FindSession(ticket, order) => {
                ticket.answer(Ok(self.accounts.find_session(&order, now())))
            }
            Effect::PutSession(ticket, order) => ticket.answer(self.accounts.put_session(order, now())),
        }
    }

    /// Delivers the mails that are due.
    fn deliver(&mut self) {
        let token = || LeaseToken::from_bytes(random().expect("the system has random bytes"));
        while let Some(leased) = self.accounts.lease(token(), LEASE, now()) {
            if let Err(broken) = self.drive(Deliver { leased }, None) {
                eprintln!("{broken}; the mail is tried again");
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this host's store has no other clock")]
fn now() -> Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    Time::from_micros(0).after(now)
}

fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map(|()| bytes).map_err(|_| Fault::NotDone)
}

fn hash(
    password: Option<&Password>,
    HashPassword { salt, params, .. }: HashPassword,
) -> Result<Hashed, Fault> {
    // A lost password, or a function that this host does not have, is a fault.
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
    // The errors' messages, not their `Debug` output.
    let address = Address::parse(&address).map_err(|error| error.to_string())?;
    let password = Password::parse(&password).map_err(|error| error.message())?;
    let (client, locale) = (Client::of([127, 0, 0, 1].into()), Locale::parse("en")?);
    // In production the code key is stored; here it lasts as long as the codes do.
    let key = CodeKey::new(Secret::new(random().map_err(|_| "the system has no random bytes")?));
    let rules = Rules::new(Policy::default(), CodeKeys::new([key])?)?;
    let (accounts, codes) = (MemoryAccounts::new(ROOM), MemoryCodes::new(ROOM));
    let mut host = Host { rules, accounts, codes };

    // A real host estimates the password with auth-strength, in `judge_with`.
    let verdict = host.rules.policy().password.judge(&password, Estimate { score: 4, common: false });
    let register = Register { address: address.clone(), verdict, client, locale };
    println!("{:?}", host.drive(register, Some(&password)).map(|outcome| outcome.disclosed));
    host.deliver();
    for line in std::io::stdin().lines() {
        let Some(code) = host.rules.policy().code.parse(&line?) else {
            println!("a code has six digits");
            continue;
        };
        let activate = Activate { address: address.clone(), code, client };
        let activated = host.drive(activate, Some(&password)).map(|outcome| outcome.disclosed);
        println!("{activated:?}");
        if matches!(activated, Ok(Activation::Activated(_))) {
            break;
        }
    }
    let login = Login { address, client, device: None, agent: UserAgent::new("rust-sync") };
    let LoggingIn::LoggedIn { token, .. } = host.drive(login, Some(&password))?.disclosed else {
        return Err("not logged in".into());
    };
    println!("{:?}", host.drive(Authenticate { token: token.clone() }, None)?.disclosed);
    println!("{:?}", host.drive(Logout { token }, None)?.event);
    Ok(())
}
