//! A new password era of an account: what was proven before does not count any more, and its owner is told.

use crate::{
    Answers, Commit, CommitAccount, Fault, FindAccount, Found, MailChange, Stop,
    domain::{AccountId, AddressKey, Generation, MailId, PasswordRecord, Purpose, Status},
    flow::ROUNDS,
};

/// What changes.
pub(in crate::flow) struct Change {
    pub(in crate::flow) account: AccountId,
    /// The era that it was decided in.
    pub(in crate::flow) old: Generation,
    pub(in crate::flow) new: Generation,
    pub(in crate::flow) password: PasswordRecord,
    /// The id of the mail to the owner.
    pub(in crate::flow) mail: MailId,
}

/// How it ended.
pub(in crate::flow) enum Begun {
    Done,
    /// Another era had begun, or the account is gone.
    Superseded,
    Contended,
}

/// Sets the password, ends every session, and owes the owner a mail. After a commit whose outcome is unknown the row
/// itself shows what happened: the new era, the old one, or another.
pub(in crate::flow) fn begin(
    key: &AddressKey,
    change: &Change,
    mut found: Option<Found>,
    answers: &mut Answers<'_>,
) -> Result<Begun, Stop> {
    for round in 0..=ROUNDS {
        let read = match found.take() {
            Some(read) => read,
            None => answers.ask(FindAccount { key: key.clone() })?,
        };
        let row = read.at_its_time();
        let Status::Active { attempt, id, .. } = &row.status else { return Ok(Begun::Superseded) };
        if *id != change.account || attempt.generation != change.old {
            let done = round > 0 && (*id, attempt.generation) == (change.account, change.new);
            return Ok(if done { Begun::Done } else { Begun::Superseded });
        }
        if round == ROUNDS {
            break;
        }
        let mail = attempt.farewell(Purpose::PasswordChanged, change.mail, read.now);
        let row = row.rehashed(change.password.clone()).renewed(change.new);
        let commit = read.replace(key, row, Some(MailChange::Owe(mail)));
        match answers.try_ask(CommitAccount { end: Some(change.account), ..commit })? {
            Ok(Commit::Committed) => return Ok(Begun::Done),
            Ok(Commit::Conflict) | Err(Fault::Unknown) => {}
            Err(Fault::NotDone) => return Err(Answers::broken::<CommitAccount>(Fault::NotDone)),
        }
    }
    Ok(Begun::Contended)
}
