//! Answers of a host.

use alloc::{boxed::Box, vec::Vec};

use auth_core::{
    Admission, CodeStored, Commit, Detail, Fault, Found, FoundSession, Hashed, Redemption, Seed, Sending,
    SessionStored, Settled, Time, Version,
    wire::{Reply, Response, Ticket},
};

use super::{Malformed, hashing, malformed, micros, octets, secret, stored};
use crate::wit;

/// Returns `None` for an answer to an extension: there are no extensions yet.
pub(crate) fn response(ticket: &[u8], answer: &mut wit::Answer) -> Result<Option<Response>, Malformed> {
    let ticket = Ticket::from_bytes(octets(ticket, malformed!("ticket", "20 bytes"))?);
    let reply = match answer {
        wit::Answer::Admit(admission) => Reply::Admit(Box::new(match admission {
            wit::Admission::Admitted => Admission::Admitted,
            wit::Admission::Limited(limited) => {
                Admission::Limited { retry_after: micros(limited.retry_after) }
            }
        })),
        wit::Answer::Random(seed) => {
            Reply::Random(Box::new(Seed(secret(seed, malformed!("random", "32 bytes"))?)))
        }
        wit::Answer::FindAccount(found) => Reply::FindAccount(Box::new(self::found(found)?)),
        wit::Answer::HashPassword(hashed) => Reply::HashPassword(Box::new(Hashed {
            params: hashing(&hashed.params)?,
            hash: secret(&mut hashed.hash, malformed!("hash", "32 bytes"))?,
        })),
        wit::Answer::CommitAccount(wit::Commit::Committed) => {
            Reply::CommitAccount(Box::new(Commit::Committed))
        }
        wit::Answer::CommitAccount(wit::Commit::Conflict) => Reply::CommitAccount(Box::new(Commit::Conflict)),
        wit::Answer::PutCode => Reply::PutCode(Box::new(CodeStored)),
        wit::Answer::RedeemCode(redemption) => Reply::RedeemCode(Box::new(match redemption {
            wit::Redemption::Missing => Redemption::Missing,
            wit::Redemption::Redeemed => Redemption::Redeemed,
            wit::Redemption::Exhausted => Redemption::Exhausted,
            wit::Redemption::Wrong => Redemption::Wrong,
        })),
        wit::Answer::SendMail(sending) => Reply::SendMail(Box::new(match sending {
            wit::Sending::Accepted => Sending::Accepted,
            wit::Sending::Deferred(detail) => Sending::Deferred(Detail::new(detail)),
            wit::Sending::Rejected(detail) => Sending::Rejected(Detail::new(detail)),
        })),
        wit::Answer::SettleMail(wit::Settled::Settled) => Reply::SettleMail(Box::new(Settled::Settled)),
        wit::Answer::SettleMail(wit::Settled::Lost) => Reply::SettleMail(Box::new(Settled::Lost)),
        wit::Answer::FindSession(found) => Reply::FindSession(Box::new(found_session(found)?)),
        wit::Answer::PutSession(wit::SessionStored::Done) => Reply::PutSession(Box::new(SessionStored::Done)),
        wit::Answer::PutSession(wit::SessionStored::Gone) => Reply::PutSession(Box::new(SessionStored::Gone)),
        wit::Answer::Fault(fault) => {
            let fault = match fault {
                wit::Fault::NotDone => Fault::NotDone,
                wit::Fault::Unknown => Fault::Unknown,
            };
            return Ok(Some(Response { ticket, answer: Err(fault) }));
        }
        wit::Answer::Extension(_) | wit::Answer::Unsupported => return Ok(None),
    };
    Ok(Some(Response { ticket, answer: Ok(reply) }))
}

fn found(found: &mut wit::Found) -> Result<Found, Malformed> {
    let row = match &mut found.row {
        Some((version, found)) => Some((Version(*version), stored::row(found)?)),
        None => None,
    };
    // `collect` would make the component larger.
    let mut waiting = Vec::with_capacity(found.waiting.len());
    for mail in &found.waiting {
        waiting.push(stored::waiting(mail)?);
    }
    Ok(Found { now: Time::from_micros(found.now), row, waiting })
}

fn found_session(found: &mut wit::FoundSession) -> Result<FoundSession, Malformed> {
    let session = found.session.as_ref().map(stored::session).transpose()?;
    let account = match &mut found.account {
        Some((key, row)) => Some((stored::key(key)?, stored::row(row)?)),
        None => None,
    };
    Ok(FoundSession { now: Time::from_micros(found.now), session, account })
}
