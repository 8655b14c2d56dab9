//! Changes of an account in one password era: each is decided on what is stored, and a commit whose outcome is unknown
//! by reading again.

use crate::{
    Answers, Commit, CommitAccount, Fault, FindAccount, Found, MailChange, Stop,
    domain::{AccountId, AddressKey, Generation, MailId, OwedMail, PasswordRecord, Purpose, Row, Status},
    flow::{ROUNDS, shared::session::Current},
};

/// The era that a change is decided in.
pub(in crate::flow) struct Era<'a> {
    pub(in crate::flow) key: &'a AddressKey,
    pub(in crate::flow) account: AccountId,
    pub(in crate::flow) generation: Generation,
}

/// What is to be done about what was read.
pub(in crate::flow) enum Decision {
    Commit(CommitAccount),
    /// It is done: by this run, in a commit whose outcome was unknown.
    Done,
    /// Another era has begun, or the account is gone.
    Superseded,
}

/// How it ended.
pub(in crate::flow) enum Ended {
    Done,
    /// Another era had begun, or the account was gone.
    Superseded,
    Contended,
}

/// Decides on the row, as it counts while the era lasts; `None` once it has ended.
type Decide<'d> = dyn FnMut(&Found, Option<Row>, &mut Answers<'_>) -> Result<Decision, Stop> + 'd;

impl<'a> Era<'a> {
    /// Returns the era of a session.
    pub(in crate::flow) const fn of(current: &'a Current) -> Self {
        Self { key: &current.key, account: current.account.id, generation: current.session.generation }
    }

    /// Reads and decides until a commit succeeds, or there is nothing to commit. `found` is what was read already.
    pub(in crate::flow) fn change(
        &self,
        mut found: Option<Found>,
        answers: &mut Answers<'_>,
        decide: &mut Decide<'_>,
    ) -> Result<Ended, Stop> {
        for round in 0..=ROUNDS {
            let read = match found.take() {
                Some(read) => read,
                None => answers.ask(FindAccount { key: self.key.clone() })?,
            };
            let row = read.at_its_time();
            let lasts = matches!(&row.status, Status::Active { attempt, id, .. }
                if (*id, attempt.generation) == (self.account, self.generation));
            let commit = match decide(&read, lasts.then_some(row), answers)? {
                Decision::Commit(_) if round == ROUNDS => break,
                Decision::Commit(commit) => commit,
                Decision::Done => return Ok(Ended::Done),
                Decision::Superseded => return Ok(Ended::Superseded),
            };
            match answers.try_ask(commit)? {
                Ok(Commit::Committed) => return Ok(Ended::Done),
                Ok(Commit::Conflict) | Err(Fault::Unknown) => {}
                Err(Fault::NotDone) => return Err(Answers::broken::<CommitAccount>(Fault::NotDone)),
            }
        }
        Ok(Ended::Contended)
    }

    /// Returns the change of the account's own row in which all of its sessions end.
    pub(in crate::flow) fn ends(&self, read: &Found, row: Row, mail: Option<OwedMail>) -> Decision {
        let commit = read.replace(self.key, row, mail.map(MailChange::Owe));
        Decision::Commit(CommitAccount { end: Some(self.account), ..commit })
    }
}

/// What a new password brings.
pub(in crate::flow) struct NewPassword {
    pub(in crate::flow) record: PasswordRecord,
    pub(in crate::flow) generation: Generation,
    /// The id of the mail to the owner.
    pub(in crate::flow) mail: MailId,
}

/// Sets a password, ends every session, and owes the owner a mail.
pub(in crate::flow) fn renew(
    era: &Era<'_>,
    new: &NewPassword,
    found: Option<Found>,
    answers: &mut Answers<'_>,
) -> Result<Ended, Stop> {
    era.change(found, answers, &mut |read, row, _| {
        Ok(match row {
            Some(row) => {
                let mail = row.farewell(Purpose::PasswordChanged, new.mail, read.now);
                era.ends(read, row.rehashed(new.record.clone()).renewed(new.generation), mail)
            }
            None if read.is_active_as(era.account, new.generation) => Decision::Done,
            None => Decision::Superseded,
        })
    })
}

impl Found {
    /// Returns whether the account is active here under this generation.
    pub(in crate::flow) fn is_active_as(&self, account: AccountId, generation: Generation) -> bool {
        let row = self.row.as_ref().map(|(_, row)| (&row.status, row.generation()));
        matches!(row, Some((Status::Active { id, .. }, of)) if *id == account && of == Some(generation))
    }
}
