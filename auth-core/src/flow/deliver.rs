//! Delivers one leased mail: find, begin, code, send, settle.
//!
//! The code is stored before the mail leaves, so that nobody reads a code that is not valid yet. A retried mail
//! carries the same code. The lease is checked before anything else is changed.

mod contents;
mod ending;

use serde::{Deserialize, Serialize};

use super::ROUNDS;
use crate::{
    Answers, CodeStored, Commit, CommitAccount, Event, Fault, FindAccount, Flow, MailChange, PutCode, Rules,
    SendMail, Sending, SettleMail, Settled, Stop,
    domain::{Address, Detail, LeasedMail, Settlement, Time, WaitingMail, WaitingState},
};

/// The flow that delivers a mail leased by a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Deliver {
    /// The mail.
    pub leased: LeasedMail,
}

impl Flow for Deliver {
    type Outcome = Event;
    const NAME: &'static str = "deliver";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        let (mail, unknowns) = (&self.leased.mail, self.leased.unknowns);
        for _ in 0..ROUNDS {
            let found = answers.ask(FindAccount { key: self.leased.key.clone() })?;
            // Threat: a worker that has lost its mail refills tries, or changes a code whose mail is being sent.
            if !found.waiting.contains(&self.held()) {
                return Ok(Event::LeaseLost);
            }
            let row = found.at_its_time();
            // Mail goes to the address of the attempt, whatever was typed later (CVE-2019-19844).
            let Some(to) = self.leased.mail.to.as_ref().or(row.addressee(&self.leased.mail, found.now))
            else {
                return self.settle(Settlement::Superseded, Event::MailSuperseded, answers);
            };
            if unknowns > ending::MORE_AFTER_UNKNOWN {
                return self.settle(Settlement::Dead { detail: ending::lost() }, Event::MailDead, answers);
            }
            // Threat: a worker that dies after each sending, or cannot record its end, sends the mail forever; and a
            // request that is decided meanwhile sends one more. The beginning is recorded first, in the row too.
            let begins = MailChange::Begin { mail: mail.id, unknowns: unknowns.saturating_add(1) };
            let to = to.clone();
            let row = row.mailed(mail.purpose, found.now, rules.lifetimes);
            match answers.ask(found.replace(&self.leased.key, row, Some(begins)))? {
                Commit::Committed => return self.send(&to, found.now, rules, answers),
                Commit::Conflict => {}
            }
        }
        // Its lease expires, and the mail is retried.
        Err(Answers::broken::<CommitAccount>(Fault::NotDone))
    }
}

impl Deliver {
    /// Returns the mail as it stands in the outbox while this lease lasts.
    const fn held(&self) -> WaitingMail {
        let (mail, token) = (&self.leased.mail, self.leased.lease.token);
        WaitingMail {
            id: mail.id,
            purpose: mail.purpose,
            generation: mail.generation,
            state: WaitingState::Held { token },
        }
    }

    fn send(&self, to: &Address, now: Time, rules: &Rules, answers: &mut Answers<'_>) -> Result<Event, Stop> {
        let mail = &self.leased.mail;
        let (template, put) = contents::of(&self.leased, to.key(), rules);
        let stored = match &put {
            Some(put) => answers.try_ask(put.clone())?,
            None => Ok(CodeStored),
        };
        let sending = match stored {
            Ok(CodeStored) => {
                let (to, locale) = (to.recipient(), mail.locale.clone());
                answers.try_ask(SendMail { id: mail.id, to, locale, template })?
            }
            Err(fault) => Ok(Sending::Deferred(Detail::new(ending::unavailable(fault)))),
        };
        let (settlement, event, lifetime) = ending::of(sending, &self.leased, now, rules);
        // After acceptance a code lives for exactly its TTL; one whose mail has not left is removed. This comes
        // before settling, so that a worker that dies in between leaves a mail that is retried.
        if let (Some(put), Some(lifetime)) = (put, lifetime) {
            // If this fails, the code lives a little longer.
            let _ = answers.try_ask(PutCode { lifetime, ends: true, ..put })?;
        }
        self.settle(settlement, event, answers)
    }

    fn settle(&self, settlement: Settlement, event: Event, answers: &mut Answers<'_>) -> Result<Event, Stop> {
        Ok(match answers.ask(SettleMail { lease: self.leased.lease, settlement })? {
            Settled::Settled => event,
            Settled::Lost => Event::LeaseLost,
        })
    }
}
