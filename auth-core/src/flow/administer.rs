//! What an operator does with an account: the commits of its owner, without a session and without limits of their rate.

use serde::{Deserialize, Serialize};

use super::shared::era::{Decision, Ended, Rounds};
use crate::{
    Answers, CommitAccount, Event, Flow, MailChange, Random, Rules, Stop,
    domain::{AccountId, Action, Address, Generation, MailId, Purpose, Stream},
};

/// The flow that does what an operator asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Administer {
    /// The address.
    pub address: Address,
    /// The account that it must be, if the operator has named one: an address can have another one by now.
    pub account: Option<AccountId>,
    /// What to do.
    pub action: Action,
}

impl Flow for Administer {
    type Outcome = Event;
    const NAME: &'static str = "administer";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        let seed = answers.ask(Random)?.0;
        let mut random = Stream::new(&seed, "administer");
        let (generation, mail) = (Generation::draw(&mut random), MailId::from_bytes(random.bytes()));
        let (key, mut account) = (self.address.key(), self.account);
        let mut rounds = Rounds::new(key, None);
        loop {
            let read = rounds.read(answers)?;
            let row = read.at_its_time();
            // Threat: what has come in its place since, be it another account, is deleted too.
            let same = row.identity().filter(|id| account.is_none_or(|account| account == *id));
            if same.is_none() {
                let deleted = rounds.unknown && self.action == Action::Delete;
                return Ok(if deleted { Event::AccountDeleted } else { Event::NoAccount });
            }
            account = same;
            let step = match row.acted(self.action, generation, read.asked(mail, Purpose::Reset, rules)) {
                Ok(step) => step,
                Err(event) => return Ok(event),
            };
            let commit = CommitAccount {
                end: account.filter(|_| self.action.ends()),
                ..read.replace(key, step.row, step.mail.map(MailChange::Owe))
            };
            match rounds.end(Decision::Commit(commit), answers)? {
                Some(Ended::Done | Ended::Superseded) => return Ok(step.event),
                Some(Ended::Contended) => return Ok(Event::Contended),
                None => {}
            }
        }
    }
}
