//! Registers an address, delivers the mail and activates the account, all in memory.
//!
//!     cargo run -p auth-core --example register

#![expect(clippy::print_stdout, reason = "a program prints its result")]

use std::{error::Error, time::Duration};

use auth_core::*;

struct Host {
    rules: Rules,
    accounts: MemoryAccounts,
    codes: MemoryCodes,
    now: Time,
    mailbox: Vec<Template>,
}

impl Host {
    /// Runs the loop: takes the effect that waits, carries it out, answers with its ticket.
    fn drive<F: Flow>(&mut self, flow: F, password: Option<&Password>) -> Result<F::Outcome, Box<dyn Error>> {
        let mut run = Run::start(flow, &self.rules);
        while let Some(effect) = run.take() {
            let answered = self.carry_out(effect, password);
            run.accept(answered, &self.rules)?;
        }
        Ok(run.into_outcome().map_err(|run| format!("{run:?} waits"))??)
    }

    fn carry_out(&mut self, effect: Effect, password: Option<&Password>) -> Answered {
        match effect {
            Effect::Admit(ticket, order) => ticket.answer(self.codes.admit(&order, self.now)),
            Effect::Random(ticket, _) => {
                let mut seed = [0; 32];
                let drawn = getrandom::fill(&mut seed).map_err(|_| Fault::NotDone);
                ticket.answer(drawn.map(|()| Seed(Secret::new(seed))))
            }
            Effect::FindAccount(ticket, order) => ticket.answer(Ok(self.accounts.find(&order, self.now))),
            Effect::HashPassword(ticket, order) => ticket.answer(hash(&order, password)),
            Effect::CommitAccount(ticket, order) => ticket.answer(self.accounts.commit(order, self.now)),
            Effect::PutCode(ticket, order) => ticket.answer(self.codes.put(&order, self.now)),
            Effect::RedeemCode(ticket, order) => ticket.answer(Ok(self.codes.redeem(&order, self.now))),
            Effect::SendMail(ticket, mail) => {
                self.mailbox.push(mail.template);
                ticket.answer(Ok(Sending::Accepted))
            }
            Effect::SettleMail(ticket, order) => ticket.answer(Ok(self.accounts.settle(&order, self.now))),
            Effect::FindSession(ticket, order) => {
                ticket.answer(Ok(self.accounts.find_session(&order, self.now)))
            }
            Effect::PutSession(ticket, order) => ticket.answer(self.accounts.put_session(order, self.now)),
        }
    }

    /// Delivers the mails that are due, as a worker does all the time. A deferred mail waits in the outbox.
    fn deliver(&mut self) -> Result<(), Box<dyn Error>> {
        let mut token = [0; 16];
        getrandom::fill(&mut token)?;
        let lasting = Duration::from_secs(60);
        while let Some(leased) = self.accounts.lease(LeaseToken::from_bytes(token), lasting, self.now) {
            println!("deliver: {}", self.drive(Deliver { leased }, None)?.name());
            getrandom::fill(&mut token)?;
        }
        Ok(())
    }
}

fn hash(order: &HashPassword, password: Option<&Password>) -> Result<Hashed, Fault> {
    let (Some(password), Hashing::Scrypt(Scrypt { log2_n, r, p })) = (password, order.params) else {
        return Err(Fault::NotDone);
    };
    let cost = scrypt::Params::new(log2_n, r.into(), p.into()).map_err(|_| Fault::NotDone)?;
    let (password, salt, mut hash) = (password.expose().as_bytes(), order.salt.as_bytes(), [0; 32]);
    scrypt::scrypt(password, salt, &cost, &mut hash).map_err(|_| Fault::NotDone)?;
    Ok(Hashed { params: order.params, hash: Secret::new(hash) })
}

fn main() -> Result<(), Box<dyn Error>> {
    // In production the key is 32 random bytes that are kept for as long as mails wait.
    let keys = CodeKeys::new([CodeKey::new(Secret::new([7; 32]))])?;
    let rules = Rules::new(Policy::default(), keys)?;
    let (accounts, codes) = (MemoryAccounts::new(1000), MemoryCodes::new(1000));
    let mut host = Host { rules, accounts, codes, now: Time::from_micros(1 << 50), mailbox: Vec::new() };

    let (address, password) = (Address::parse("ada@example.org")?, Password::parse("correct horse battery")?);
    let (client, locale) = (Client::of([127, 0, 0, 1].into()), Locale::parse("en")?);
    // A real host estimates the password with auth-strength.
    let verdict = host.rules.policy().password.judge(&password, Estimate { score: 4, common: false });
    let register = Register { address: address.clone(), verdict, client, locale };
    println!("register: {:?}", host.drive(register, Some(&password))?.disclosed);
    host.deliver()?;

    let Some(Template::Activation { code, .. }) = host.mailbox.pop() else {
        return Err("no code has arrived".into());
    };
    println!("the mail says {}", code.expose());
    host.now = host.now.after(Duration::from_secs(90));
    let typed = host.rules.policy().code.parse(code.expose()).ok_or("the code is invalid")?;
    let activate = Activate { address, code: typed, client };
    println!("activate: {:?}", host.drive(activate, Some(&password))?.disclosed);
    Ok(())
}
