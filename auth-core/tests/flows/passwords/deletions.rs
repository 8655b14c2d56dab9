//! The scripts of DeleteAccount, one function for each way that it can go.

use auth_core::{
    Answer, Commit, CommitAccount, DeleteAccount, Deleting, Event, Fault, Found, MailChange, MailId, Purpose,
    Row, Status,
};

use super::scripts::*;
use crate::{
    derived,
    fixture::{DAY, SEED, at, client, found, generation, replaces},
    script::{Script, Step, admitted, drawn, step},
};

fn delete() -> DeleteAccount {
    DeleteAccount { token: token(), client: client() }
}

fn gone() -> Row {
    Row { status: Status::Vacant, expires: Some(at(0).after(DAY)), ..row() }
}

fn deletes(found: &Found, answer: Answer<CommitAccount>) -> Step {
    let mail = MailId::from_bytes(derived::take(&mut derived::stream(SEED, "delete_account")));
    let mail = farewell(Purpose::AccountDeleted, mail);
    let commit = replaces(found, gone(), Some(MailChange::Owe(mail)));
    step(CommitAccount { end: Some(id()), ..commit }, answer)
}

fn deleting(
    rest: impl IntoIterator<Item = Step>,
    disclosed: Deleting,
    event: Event,
) -> Script<DeleteAccount> {
    let begin = [admitted(), drawn(), finds_session(Some(session(at(-60))))];
    script(delete(), begin.into_iter().chain(rest).collect(), disclosed, event)
}

pub(super) fn deleted() -> Script<DeleteAccount> {
    let found = found(4, &row());
    let rest = [finds_account(&found), deletes(&found, Ok(Commit::Committed))];
    deleting(rest, Deleting::Deleted, Event::AccountDeleted)
}

/// The commit's reply was lost: where the account is gone, it happened.
pub(super) fn deletion_lost() -> [Script<DeleteAccount>; 2] {
    let before = found(4, &row());
    let lost = || [finds_account(&before), deletes(&before, Err(Fault::Unknown))];
    let happened: Vec<Step> = lost().into_iter().chain([finds_account(&found(5, &gone()))]).collect();
    let again = [finds_account(&before), deletes(&before, Ok(Commit::Committed))];
    let did_not = lost().into_iter().chain(again).collect();
    [happened, did_not].map(|steps| deleting(steps, Deleting::Deleted, Event::AccountDeleted))
}

/// Another era has ended the session in the meantime, or the account has moved: it is not this run that deleted it.
pub(super) fn deletion_overtaken() -> [Script<DeleteAccount>; 3] {
    let mut other = row();
    if let Status::Active { attempt, .. } = &mut other.status {
        attempt.generation = generation(9);
    }
    let (before, moved) = (found(4, &row()), found(5, &gone()));
    let lost = [finds_account(&before), deletes(&before, Ok(Commit::Conflict)), finds_account(&moved)];
    [vec![finds_account(&found(5, &other))], vec![finds_account(&moved)], lost.into()]
        .map(|steps| deleting(steps, Deleting::NoSession, Event::NoSession))
}

pub(super) fn deletion_not_fresh() -> [Script<DeleteAccount>; 2] {
    let old = vec![admitted(), drawn(), finds_session(Some(session(at(-900))))];
    let none = vec![admitted(), drawn(), finds_session(None)];
    [
        script(delete(), old, Deleting::ConfirmFirst, Event::NotFresh),
        script(delete(), none, Deleting::NoSession, Event::NoSession),
    ]
}
