//! Moving an account to another address with the code that was sent there: redeem, commit both rows, open a session
//! anew.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Outcome,
    shared::{
        era::{Decision, Ended, Era, Rounds},
        session::{Entered, Reopened, enter, entered, reopen},
    },
};
use crate::{
    Answers, CommitAccount, Event, FindAccount, Flow, MailChange, RedeemCode, Redemption, Rules, Stop,
    domain::{
        Account, Client, Code, CodeSlot, GOOD_CODES, Generation, MailId, Purpose, SessionToken, Stream,
        micros,
    },
};

/// The flow that moves an account to the address that it was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfirmAddress {
    /// The token that the visitor shows.
    pub token: SessionToken,
    /// The code as it was typed, well-formed.
    pub code: Code,
    /// The client that asks.
    pub client: Client,
}

/// What moving an account discloses to the visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relocation {
    /// The account has the new address, and every session before is over.
    Moved {
        /// The session that is left.
        session: Reopened,
        /// The account.
        account: Account,
    },
    /// The code is wrong, none waits, or the address has an account by now.
    Refused,
    /// No session with this token counts.
    NoSession,
    /// The client asks too often.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
    /// Others change one of the addresses at the same time; try again.
    Contended,
}

impl Flow for ConfirmAddress {
    type Outcome = Outcome<Relocation>;
    const NAME: &'static str = "confirm_address";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        let entered = enter(&self.token, self.client, rules, answers)?;
        let (seed, current) = entered!(entered, Relocation);
        let mut random = Stream::new(&seed.0, "confirm_address");
        let nowhere = CodeSlot::from_bytes(random.bytes());
        let moving = current.row.moving(current.now);
        let slot = moving.map_or(nowhere, |moving| {
            CodeSlot::of(Purpose::AddressChange, moving.address.key(), moving.generation)
        });
        let macs = rules.keys.candidates(slot, self.code.expose());
        let redemption = answers.ask(RedeemCode { slot, newest: GOOD_CODES, macs })?;
        let moving = match (moving, redemption) {
            (Some(moving), Redemption::Redeemed) => moving,
            (Some(_), Redemption::Exhausted) => return Ok(refused(Event::TriesUsedUp)),
            (Some(_), Redemption::Wrong) => return Ok(refused(Event::WrongCode)),
            (None, _) | (_, Redemption::Missing) => return Ok(refused(Event::CodeExpired)),
        };
        let (generation, mail) = (Generation::draw(&mut random), MailId::from_bytes(random.bytes()));
        let (era, to) = (Era::of(&current), moving.address.key());
        let mut rounds = Rounds::new(era.key, None);
        let ended = loop {
            let own = rounds.read(answers)?;
            let new = answers.ask(FindAccount { key: to.clone() })?;
            let decision = match era.row(&own) {
                None if new.is_active_as(era.account, generation) => Decision::Done,
                None => Decision::Superseded,
                Some(row) => {
                    // Another change may have been asked for since, whose code is another.
                    let waits =
                        row.moving(own.now).is_some_and(|waits| waits.generation == moving.generation);
                    let here = new.at_its_time().moved_here(&row, moving.address.clone(), generation);
                    let Some(here) = here.filter(|_| waits) else {
                        let event = if waits { Event::AddressTaken } else { Event::Superseded };
                        return Ok(refused(event));
                    };
                    let told = row.farewell(Purpose::AddressChanged, mail, own.now).map(MailChange::Owe);
                    // The address before is left first: an account's id is in one row at a time.
                    let left = own.change(era.key, row.deleted(own.now), told);
                    let changes = [left, new.change(to, here, None)].into();
                    Decision::Commit(CommitAccount { changes, end: Some(era.account) })
                }
            };
            if let Some(ended) = rounds.end(decision, answers)? {
                break ended;
            }
        };
        match ended {
            Ended::Done => {}
            Ended::Superseded => return Ok(Outcome::new(Relocation::NoSession, Event::NoSession)),
            Ended::Contended => return Ok(Outcome::new(Relocation::Contended, Event::Contended)),
        }
        let account = Account { address: moving.address.clone(), ..current.account.clone() };
        // Threat: a stolen session that stays fresh without the password. It was not given here.
        let session = reopen(&current, current.session.proven, generation, &mut random, rules, answers)?;
        Ok(Outcome::new(Relocation::Moved { session, account }, Event::AddressChanged))
    }
}

const fn refused(event: Event) -> Outcome<Relocation> {
    Outcome::new(Relocation::Refused, event)
}
