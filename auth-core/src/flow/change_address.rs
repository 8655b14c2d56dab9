//! Asking to move an account to another address: both rows are read and written, whatever the new one's state.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Outcome,
    shared::{
        era::{Decision, Ended, Era, Rounds},
        guess,
        session::{Entered, enter, entered},
    },
};
use crate::{
    Answers, CommitAccount, Event, FindAccount, Flow, MailChange, Rules, Stop,
    domain::{Address, Client, Generation, MailId, Purpose, SessionToken, Status, Stream, Subject, micros},
};

/// The flow that asks for a mail with a code to another address. An address that differs from the own one in its
/// spelling alone is taken at once, without a mail.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangeAddress {
    /// The token that the visitor shows; its session must be fresh.
    pub token: SessionToken,
    /// The new address.
    pub address: Address,
    /// The client that asks.
    pub client: Client,
}

/// What asking to move discloses to the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskingToMove {
    /// A mail follows if the address is free, as soon as the interval between mails to it allows. The only success when
    /// hiding.
    Accepted,
    /// The address has an active account. Explicit only.
    Taken,
    /// The password was not given recently: confirm the session first.
    ConfirmFirst,
    /// No session with this token counts.
    NoSession,
    /// The client asks too often, or the account was changed too often.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
    /// Others change one of the addresses at the same time; try again.
    Contended,
}

impl Flow for ChangeAddress {
    type Outcome = Outcome<AskingToMove>;
    const NAME: &'static str = "change_address";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        let entered = enter(&self.token, self.client, rules, answers)?;
        let (seed, current) = entered!(entered, AskingToMove);
        let mut random = Stream::new(&seed.0, "change_address");
        if !current.session.is_fresh(current.now, rules) {
            return Ok(Outcome::new(AskingToMove::ConfirmFirst, Event::NotFresh));
        }
        let moves = Subject::moves(&rules.keys, current.account.id);
        if let Some(retry_after) = guess::too_many(moves, answers)? {
            return Ok(Outcome::new(AskingToMove::RateLimited { retry_after }, Event::TooManyChanges));
        }
        let generation = Generation::draw(&mut random);
        let (mail, notice) = (MailId::from_bytes(random.bytes()), MailId::from_bytes(random.bytes()));
        let (era, to) = (Era::of(&current), self.address.key());
        let mut taken = false;
        let mut rounds = Rounds::new(era.key, None);
        let ended = loop {
            let own = rounds.read(answers)?;
            let decision = match era.row(&own) {
                None => Decision::Superseded,
                Some(row) if to == era.key => {
                    Decision::Commit(own.replace(to, row.respelled(self.address.clone()), None))
                }
                Some(mut row) => {
                    let found = answers.ask(FindAccount { key: to.clone() })?;
                    let mut new = found.at_its_time();
                    taken = matches!(new.status, Status::Active { .. });
                    // Where the commit before this one did happen, the code is on its way or waits.
                    let asked = own.asked(mail, Purpose::AddressChange, rules);
                    let (code, told) = row.asks_to_move(&mut new, &self.address, generation, notice, &asked);
                    let own = own.change(era.key, row, code.map(MailChange::Owe));
                    let new = found.change(to, new, told.map(MailChange::Owe));
                    Decision::Commit(CommitAccount { changes: [own, new].into(), end: None })
                }
            };
            if let Some(ended) = rounds.end(decision, answers)? {
                break ended;
            }
        };
        let event = if taken { Event::AddressTaken } else { Event::AddressAskedFor };
        Ok(match ended {
            Ended::Done if taken && rules.discloses() => Outcome::new(AskingToMove::Taken, event),
            Ended::Done => Outcome::new(AskingToMove::Accepted, event),
            Ended::Superseded => Outcome::new(AskingToMove::NoSession, Event::NoSession),
            Ended::Contended => Outcome::new(AskingToMove::Contended, Event::Contended),
        })
    }
}
