//! Passwords that are tried: how many, and what is done about each.

use core::{num::NonZeroU32, time::Duration};

use super::session::Current;
use crate::{
    Admission, Admit, Answers, Found, HashPassword, Hashed, Rules, Stop, WhichPassword,
    domain::{AddressKey, Attempt, PasswordRecord, Rate, Salt, Subject},
};

/// Ten at once, then one every 15 minutes: some 100 a day and subject, as NIST SP 800-63B-4 section 3.2.2 has it for
/// wrong passwords. It is not switched off with the limit on requests.
const GUESSES: Rate = Rate { requests: NonZeroU32::MIN.saturating_add(9), period: Duration::from_secs(9000) };

/// Counts a guess before anything is hashed, or a change before it is made; returns the time to wait if there were too
/// many.
///
/// Threat: parallel guesses, each of which is compared before any is counted.
/// Threat: whoever has the password changes it again and again: a mail to the owner each time, and the end of each
/// token that could set another.
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
    match answers.try_ask(HashPassword { salt, params, which: WhichPassword::Given })? {
        Ok(Hashed { hash, .. }) => Ok(attempt.filter(|attempt| attempt.password.hash == hash)),
        Err(fault) => {
            counted.map_or(Ok(()), |subject| give_back(subject, answers))?;
            Err(Answers::broken::<HashPassword>(fault))
        }
    }
}

/// Replaces a hash of earlier parameters. If that fails, the next login does it.
pub(in crate::flow) fn rehash(
    key: &AddressKey,
    salt: Salt,
    found: &Found,
    rules: &Rules,
    answers: &mut Answers<'_>,
) -> Result<(), Stop> {
    let params = rules.policy().hash;
    if let Ok(Hashed { hash, .. }) =
        answers.try_ask(HashPassword { salt, params, which: WhichPassword::Given })?
    {
        let row = found.at_its_time().rehashed(PasswordRecord { params, salt, hash });
        let _ = answers.try_ask(found.replace(key, row, None))?;
    }
    Ok(())
}

/// What became of the password of a session's account.
pub(in crate::flow) enum Proof {
    Right,
    Wrong,
    TooMany { retry_after: Duration },
}

/// Tries the password of a session's account.
///
/// Threat: whoever has a stolen session guesses the password. An account's own count: those who know the address cannot
/// use it up.
pub(in crate::flow) fn prove(
    current: &Current,
    dummy: Salt,
    rules: &Rules,
    answers: &mut Answers<'_>,
) -> Result<Proof, Stop> {
    let subject = Subject::account(&rules.keys, current.account.id);
    if let Some(retry_after) = too_many(subject, answers)? {
        return Ok(Proof::TooMany { retry_after });
    }
    let attempt = current.row.attempt(rules.policy().hash_floor);
    if right(Some(subject), attempt, dummy, rules, answers)?.is_none() {
        return Ok(Proof::Wrong);
    }
    give_back(subject, answers)?;
    Ok(Proof::Right)
}
