//! Changes of an account in one password era: each is decided on what is stored, and a commit whose outcome is unknown
//! by reading again.

use crate::{
    Answers, Commit, CommitAccount, Fault, FindAccount, Found, MailChange, Stop,
    domain::{AccountId, AddressKey, Generation, MailId, OwedMail, PasswordRecord, Purpose, Row, Status},
    flow::{ROUNDS, shared::session::Current},
};

/// The era that a change is decided in.
#[derive(Clone, Copy)]
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

impl<'a> Era<'a> {
    /// Returns the era of a session.
    pub(in crate::flow) const fn of(current: &'a Current) -> Self {
        Self { key: &current.key, account: current.account.id, generation: current.session.generation }
    }

    /// Returns the row as it counts while the era lasts; `None` once it has ended.
    pub(in crate::flow) fn row(self, read: &Found) -> Option<Row> {
        let row = read.at_its_time();
        let lasts = matches!(&row.status, Status::Active { attempt, id, .. }
            if (*id, attempt.generation) == (self.account, self.generation));
        lasts.then_some(row)
    }

    /// Returns the change of the account's own row in which all of its sessions end.
    pub(in crate::flow) fn ends(self, read: &Found, row: Row, mail: Option<OwedMail>) -> Decision {
        let commit = read.replace(self.key, row, mail.map(MailChange::Owe));
        Decision::Commit(CommitAccount { end: Some(self.account), ..commit })
    }
}

/// The rounds of a change: it is read and decided until a commit succeeds, or there is nothing to commit.
pub(in crate::flow) struct Rounds<'a> {
    key: &'a AddressKey,
    left: usize,
    found: Option<Found>,
    /// Whether a commit of this run may have happened.
    pub(in crate::flow) unknown: bool,
}

impl<'a> Rounds<'a> {
    /// Begins; `found` is what was read already.
    pub(in crate::flow) const fn new(key: &'a AddressKey, found: Option<Found>) -> Self {
        Self { key, left: ROUNDS, found, unknown: false }
    }

    /// Returns what is stored.
    pub(in crate::flow) fn read(&mut self, answers: &mut Answers<'_>) -> Result<Found, Stop> {
        match self.found.take() {
            Some(read) => Ok(read),
            None => answers.ask(FindAccount { key: self.key.clone() }),
        }
    }

    /// Carries out what was decided; returns how the change ended, or `None` for another round.
    pub(in crate::flow) fn end(
        &mut self,
        decision: Decision,
        answers: &mut Answers<'_>,
    ) -> Result<Option<Ended>, Stop> {
        let commit = match decision {
            Decision::Commit(commit) => commit,
            Decision::Done => return Ok(Some(Ended::Done)),
            Decision::Superseded => return Ok(Some(Ended::Superseded)),
        };
        let Some(left) = self.left.checked_sub(1) else { return Ok(Some(Ended::Contended)) };
        self.left = left;
        let committed = answers.try_ask(commit)?;
        self.unknown |= committed == Err(Fault::Unknown);
        Ok(match committed {
            Ok(Commit::Committed) => Some(Ended::Done),
            Ok(Commit::Conflict) | Err(Fault::Unknown) => None,
            Err(Fault::NotDone) => return Err(Answers::broken::<CommitAccount>(Fault::NotDone)),
        })
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
    era: Era<'_>,
    new: &NewPassword,
    found: Option<Found>,
    answers: &mut Answers<'_>,
) -> Result<Ended, Stop> {
    let mut rounds = Rounds::new(era.key, found);
    loop {
        let read = rounds.read(answers)?;
        let decision = match era.row(&read) {
            Some(row) => {
                let mail = row.farewell(Purpose::PasswordChanged, new.mail, read.now);
                era.ends(&read, row.rehashed(new.record.clone()).renewed(new.generation), mail)
            }
            None if read.is_active_as(era.account, new.generation) => Decision::Done,
            None => Decision::Superseded,
        };
        if let Some(ended) = rounds.end(decision, answers)? {
            return Ok(ended);
        }
    }
}

impl Found {
    /// Returns whether the account is active here under this generation.
    pub(in crate::flow) fn is_active_as(&self, account: AccountId, generation: Generation) -> bool {
        let row = self.row.as_ref().map(|(_, row)| (&row.status, row.generation()));
        matches!(row, Some((Status::Active { id, .. }, of)) if *id == account && of == Some(generation))
    }
}
