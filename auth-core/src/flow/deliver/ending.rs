//! How the sending of a mail ends: tried again, or given up.

use core::time::Duration;

use super::contents;
use crate::{
    Answer, Event, Fault, Rules, SendMail, Sending,
    domain::{Detail, LeasedMail, Settlement, Time},
};

/// The longest wait between tries of a deferred mail, and the wait after an unknown outcome.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// The number of tries after the first one whose outcome is unknown.
pub(super) const MORE_AFTER_UNKNOWN: u8 = 2;

/// How a mail is settled, the event, and the new lifetime of its code if that changes.
type Ending = (Settlement, Event, Option<Duration>);

/// Returns how a sending ends.
pub(super) fn of(sending: Answer<SendMail>, leased: &LeasedMail, now: Time, rules: &Rules) -> Ending {
    match sending {
        Ok(Sending::Accepted) => {
            (Settlement::Sent, Event::MailSent, Some(contents::ttl(leased.mail.purpose, rules)))
        }
        Ok(Sending::Rejected(detail)) => (Settlement::Dead { detail }, Event::MailDead, Some(Duration::ZERO)),
        Ok(Sending::Deferred(detail)) => retry(leased, now, detail, rules),
        Err(Fault::NotDone) => retry(leased, now, Detail::new("the mailer did not start"), rules),
        Err(Fault::Unknown) => unknown(leased),
    }
}

/// Retries after 1 s, then twice as long each time up to 10 min, until the mail is too old.
fn retry(leased: &LeasedMail, now: Time, detail: Detail, rules: &Rules) -> Ending {
    if now.since(leased.mail.first_due) >= rules.policy().mail_give_up {
        return (Settlement::Dead { detail }, Event::MailDead, Some(Duration::ZERO));
    }
    let doublings = leased.attempts.saturating_sub(1).min(16);
    let after = Duration::from_secs(1 << doublings).min(LONGEST_WAIT);
    let unknowns = leased.unknowns;
    (Settlement::Retry { after, unknowns, detail }, Event::MailDeferred, Some(Duration::ZERO))
}

/// Retries twice more, 10 min apart, since each may be a duplicate. The code stays: it may have arrived.
fn unknown(leased: &LeasedMail) -> Ending {
    let unknowns = leased.unknowns.saturating_add(1);
    if unknowns > MORE_AFTER_UNKNOWN {
        return (Settlement::Dead { detail: lost() }, Event::MailDead, None);
    }
    (Settlement::Retry { after: LONGEST_WAIT, unknowns, detail: lost() }, Event::MailUnknown, None)
}

pub(super) fn lost() -> Detail {
    Detail::new("the server's last reply was lost; the mail may have arrived")
}

pub(super) const fn unavailable(fault: Fault) -> &'static str {
    match fault {
        Fault::NotDone => "the code store did not answer; the mail was not tried",
        Fault::Unknown => "the code store's answer was lost; the mail was not tried",
    }
}
