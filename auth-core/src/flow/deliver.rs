//! Owns the delivery of one leased mail: find, code, send, settle.
//!
//! The code exists in clear in the mail alone, and is put before the mail leaves, so that nobody
//! reads a code that is not good yet. A mail that is tried again carries the same code.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Commit, Event, Fault, FindAccount, Flow, Host, PutCode, Rules, SendMail, Sending, SettleMail, Settled,
    Stop, Template,
    domain::NEWEST_CODES,
    domain::{CodeSlot, Detail, LeasedMail, Purpose, Settlement, Time},
};

/// The longest wait between tries of a deferred mail, and the wait after an unknown outcome.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Tries after the first one whose outcome stayed unknown.
const MORE_AFTER_UNKNOWN: u8 = 2;
/// How long a slot remembers its tries: as long as mails can follow each other at all.
const DAY: Duration = Duration::from_secs(86_400);

/// Delivers a mail that a worker has leased.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Deliver {
    /// The mail.
    pub leased: LeasedMail,
}

impl Flow for Deliver {
    type Outcome = Event;
    const NAME: &'static str = "deliver";

    fn run(&self, rules: &Rules, host: &mut Host<'_>) -> Result<Self::Outcome, Stop> {
        let (mail, unknowns) = (&self.leased.mail, self.leased.unknowns);
        let found = host.ask(FindAccount { key: self.leased.key.clone() })?;
        let row = found.at_its_time();
        let Some(attempt) = row.addressee(mail) else {
            return self.settle(Settlement::Superseded, Event::MailSuperseded, host);
        };
        if unknowns > MORE_AFTER_UNKNOWN {
            return self.settle(Settlement::Dead { detail: lost() }, Event::MailDead, host);
        }
        if let Some(row) = row.outliving(found.now, rules.lifetimes)
            && host.ask(found.replace(&self.leased.key, row, None))? == Commit::Conflict
        {
            let detail = Detail::new("the account changed meanwhile; the mail was not tried");
            return self.retry(found.now, detail, rules, host);
        }
        // Mail goes to the address of the attempt, whatever was typed later (CVE-2019-19844).
        let to = attempt.address.recipient();

        let (ttl, tries) = (rules.policy().code_ttl, rules.policy().code_tries);
        let (template, put) = match mail.purpose {
            Purpose::Notice => (Template::Notice, None),
            Purpose::Activation => {
                let slot = CodeSlot::of(mail.purpose, &self.leased.key, mail.generation);
                let code = rules.keys.draw(rules.policy().code, slot, mail.id);
                let put = PutCode {
                    slot,
                    mail: mail.id,
                    mac: rules.keys.sign(slot, &code),
                    // Good from before the mail leaves until its reader has had his time.
                    lifetime: rules.lifetimes.last_code,
                    tries,
                    newest: NEWEST_CODES,
                    retention: DAY.saturating_add(rules.lifetimes.last_code),
                };
                if let Err(fault) = host.try_ask(put.clone())? {
                    return self.retry(found.now, Detail::new(unavailable(fault)), rules, host);
                }
                (Template::Activation { code, ttl, tries }, Some(put))
            }
        };

        // Threat: a worker that dies after each sending, or cannot write the end down, mails for
        // ever. What begins is written down first.
        let begun = Settlement::Begun { unknowns: unknowns.saturating_add(1) };
        if host.ask(self.order(begun))? == Settled::Lost {
            return Ok(Event::LeaseLost);
        }
        let send = SendMail { id: mail.id, to, locale: mail.locale.clone(), template };
        match host.try_ask(send)? {
            Ok(Sending::Accepted) => {
                if let Some(put) = put {
                    // From now exactly its TTL. If this fails the code lives a little longer.
                    let _ = host.try_ask(PutCode { lifetime: ttl, ..put })?;
                }
                self.settle(Settlement::Sent, Event::MailSent, host)
            }
            Ok(Sending::Rejected(detail)) => self.settle(Settlement::Dead { detail }, Event::MailDead, host),
            Ok(Sending::Deferred(detail)) => self.retry(found.now, detail, rules, host),
            Err(Fault::NotDone) => {
                self.retry(found.now, Detail::new("the mailer did not start"), rules, host)
            }
            Err(Fault::Unknown) => self.unknown(host),
        }
    }
}

impl Deliver {
    /// Tries again after 1 s, then twice as long up to 10 min, until it is too old.
    fn retry(&self, now: Time, detail: Detail, rules: &Rules, host: &mut Host<'_>) -> Result<Event, Stop> {
        if now.since(self.leased.mail.due) >= rules.policy().mail_give_up {
            return self.settle(Settlement::Dead { detail }, Event::MailDead, host);
        }
        let doublings = self.leased.attempts.saturating_sub(1).min(16);
        let after = Duration::from_secs(1 << doublings).min(LONGEST_WAIT);
        let unknowns = self.leased.unknowns;
        self.settle(Settlement::Retry { after, unknowns, detail }, Event::MailDeferred, host)
    }

    /// Tries twice more, well apart: each of them may be one mail too many.
    fn unknown(&self, host: &mut Host<'_>) -> Result<Event, Stop> {
        let unknowns = self.leased.unknowns.saturating_add(1);
        if unknowns > MORE_AFTER_UNKNOWN {
            return self.settle(Settlement::Dead { detail: lost() }, Event::MailDead, host);
        }
        let retry = Settlement::Retry { after: LONGEST_WAIT, unknowns, detail: lost() };
        self.settle(retry, Event::MailUnknown, host)
    }

    fn settle(&self, settlement: Settlement, event: Event, host: &mut Host<'_>) -> Result<Event, Stop> {
        Ok(match host.ask(self.order(settlement))? {
            Settled::Settled => event,
            Settled::Lost => Event::LeaseLost,
        })
    }

    const fn order(&self, settlement: Settlement) -> SettleMail {
        SettleMail { lease: self.leased.lease, settlement }
    }
}

fn lost() -> Detail {
    Detail::new("the server's last reply was lost; the mail may have arrived")
}

const fn unavailable(fault: Fault) -> &'static str {
    match fault {
        Fault::NotDone => "the code store did not answer; the mail was not tried",
        Fault::Unknown => "the code store's answer was lost; the mail was not tried",
    }
}
