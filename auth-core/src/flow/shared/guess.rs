//! Passwords that are tried: how many, and what is done about each.

use core::{num::NonZeroU32, time::Duration};

use crate::{
    Admission, Admit, Answers, HashPassword, Hashed, Rules, Stop,
    domain::{Attempt, Rate, Salt, Subject},
};

/// Ten wrong passwords at once, then one every 15 minutes: some 100 a day and subject, as NIST SP 800-63B-4 section
/// 3.2.2 has it. It is not switched off with the limit on requests.
const GUESSES: Rate = Rate { requests: NonZeroU32::MIN.saturating_add(9), period: Duration::from_secs(9000) };

/// Counts a guess before anything is hashed; returns the time to wait if there were too many.
///
/// Threat: parallel guesses, each of which is compared before any is counted.
pub(in crate::flow) fn too_many(
    subject: Subject,
    answers: &mut Answers<'_>,
) -> Result<Option<Duration>, Stop> {
    Ok(match answers.ask(Admit { subject, rate: GUESSES, give_back: false })? {
        Admission::Admitted => None,
        Admission::Limited { retry_after } => Some(retry_after),
    })
}

/// Takes back the count of a password that was right, or was not compared. If that fails, the owner has one try less
/// for a while.
pub(in crate::flow) fn give_back(subject: Subject, answers: &mut Answers<'_>) -> Result<(), Stop> {
    let _ = answers.try_ask(Admit { subject, rate: GUESSES, give_back: true })?;
    Ok(())
}

/// Hashes the password, and returns the attempt if it is its own. If it cannot be hashed, a counted guess is given back.
///
/// Threat: timing. Without anything to compare, the same work is done and its result ignored.
/// Threat: a stranger who keeps the hashes busy, so that the owner's own retries use up the owner's tries.
pub(in crate::flow) fn right<'a>(
    counted: Option<Subject>,
    attempt: Option<&'a Attempt>,
    dummy: Salt,
    rules: &Rules,
    answers: &mut Answers<'_>,
) -> Result<Option<&'a Attempt>, Stop> {
    let (salt, params) =
        attempt.map_or((dummy, rules.policy().hash), |a| (a.password.salt, a.password.params));
    match answers.try_ask(HashPassword { salt, params })? {
        Ok(Hashed { hash, .. }) => Ok(attempt.filter(|attempt| attempt.password.hash == hash)),
        Err(fault) => {
            counted.map_or(Ok(()), |subject| give_back(subject, answers))?;
            Err(Answers::broken::<HashPassword>(fault))
        }
    }
}
