//! The scripts of Administer, one function for each way that it can go.

use auth_core::{
    AccountId, Action, Administer, Answer, Commit, CommitAccount, Event, Fault, Found, Generation, LastMail,
    MailChange, MailId, OwedMail, Purpose, Row, Status, WaitingState,
};

use crate::{
    derived,
    fixture::{
        DAY, SEED, VACANT, address, at, attempt, expired, found, generation, mail_id, nothing_found, pending,
        replaces, rules, seconds, with_mail,
    },
    passwords::farewell,
    script::{Script, Step, drawn, finds, step},
    sessions::{blocked, id, row},
};

const ACTIONS: [Action; 5] = [Action::Block, Action::Unblock, Action::Logout, Action::Reset, Action::Delete];

fn administer(action: Action) -> Administer {
    Administer { address: address(), account: None, action }
}

/// What the flow draws: an era, and a mail.
fn draws() -> (Generation, MailId) {
    let mut bytes = derived::stream(SEED, "administer");
    let generation = derived::uuid(derived::take(&mut bytes));
    (generation, MailId::from_bytes(derived::take(&mut bytes)))
}

/// A script whose run ends after these steps, which begin with its random bytes.
fn ends(action: Action, steps: impl IntoIterator<Item = Step>, event: Event) -> Script<Administer> {
    let steps = [drawn()].into_iter().chain(steps).collect();
    Script { name: String::new(), rules: rules(), flow: administer(action), steps, ended: Ok(event) }
}

fn renewed(mut row: Row) -> Row {
    if let Status::Active { attempt, .. } = &mut row.status {
        attempt.generation = draws().0;
    }
    row
}

fn gone(row: Row) -> Row {
    Row { status: Status::Vacant, expires: Some(at(0).after(DAY)), ..row }
}

fn reset_mail() -> OwedMail {
    let (id, purpose, first_due) = (draws().1, Purpose::Reset, at(0));
    OwedMail { id, purpose, generation: generation(1), locale: attempt(1).locale, first_due, to: None }
}

/// What an account becomes, the mail that is owed, and whether its sessions end.
fn becomes(action: Action) -> (Row, Option<OwedMail>, bool, Event) {
    match action {
        Action::Block => (renewed(blocked()), None, true, Event::AccountBlocked),
        Action::Unblock => (row(), None, false, Event::AccountUnblocked),
        Action::Logout => (renewed(row()), None, true, Event::LoggedOutEverywhere),
        Action::Reset => {
            let last_mail = Some(LastMail { due: at(0), interval: seconds(60), left: false });
            (Row { last_mail, ..row() }, Some(reset_mail()), false, Event::ResetAskedFor)
        }
        Action::Delete => {
            let mail = farewell(Purpose::AccountDeleted, draws().1);
            (gone(row()), Some(mail), true, Event::AccountDeleted)
        }
    }
}

/// Reads an account, and commits what an action makes of it.
fn acts(action: Action, read: &Found, answer: Answer<CommitAccount>) -> [Step; 2] {
    let (row, mail, ends, _) = becomes(action);
    let commit = replaces(read, row, mail.map(MailChange::Owe));
    [finds(read.clone()), step(CommitAccount { end: ends.then(id), ..commit }, answer)]
}

fn before(action: Action) -> Row {
    if action == Action::Unblock { blocked() } else { row() }
}

pub(super) fn acted() -> [Script<Administer>; 5] {
    ACTIONS.map(|action| {
        let steps = acts(action, &found(4, &before(action)), Ok(Commit::Committed));
        ends(action, steps, becomes(action).3)
    })
}

/// What is so already is made so again.
pub(super) fn repeated() -> [Script<Administer>; 2] {
    [(Action::Block, blocked()), (Action::Unblock, row())].map(|(action, row)| {
        let steps = acts(action, &found(4, &row), Ok(Commit::Committed));
        ends(action, steps, becomes(action).3)
    })
}

/// Nothing is written where there is nothing to be done.
pub(super) fn refused() -> Vec<Script<Administer>> {
    let nobody = [nothing_found(), found(4, &VACANT), found(4, &expired())];
    let nobody = nobody.map(|found| ends(Action::Delete, [finds(found)], Event::NoAccount));
    let unproven = ACTIONS.into_iter().filter(|action| *action != Action::Delete).map(|action| {
        let pending = found(4, &pending(attempt(1), at(-30), 60));
        ends(action, [finds(pending)], Event::NotActivated)
    });
    let blocked = ends(Action::Reset, [finds(found(4, &blocked()))], Event::Blocked);
    let other = AccountId::from_bytes([9; 16]);
    let another = ends(Action::Delete, [finds(found(4, &row()))], Event::NoAccount);
    let another =
        Script { flow: Administer { account: Some(other), ..administer(Action::Delete) }, ..another };
    nobody.into_iter().chain(unproven).chain([blocked, another]).collect()
}

/// A registration that waits is deleted without a word: whose address it is, nobody has shown.
pub(super) fn deleted_unproven() -> Script<Administer> {
    let before = pending(attempt(1), at(-30), 60);
    let read = found(4, &before);
    let commit = CommitAccount { end: Some(id()), ..replaces(&read, gone(before), None) };
    let steps = [finds(read), step(commit, Ok(Commit::Committed))];
    ends(Action::Delete, steps, Event::AccountDeleted)
}

/// One mail waits: there is no second one.
pub(super) fn asked_for_a_mail_again() -> Script<Administer> {
    let (row, ..) = becomes(Action::Reset);
    let mail = OwedMail { id: mail_id(8), ..reset_mail() };
    let read = with_mail(found(5, &row), &mail, WaitingState::Free { next: at(0) });
    let steps = [finds(read.clone()), step(replaces(&read, row, None), Ok(Commit::Committed))];
    ends(Action::Reset, steps, Event::ResetAskedFor)
}

/// Its owner has begun another era meanwhile, and is blocked all the same; another account is not.
pub(super) fn overtaken() -> [Script<Administer>; 2] {
    let lost = || acts(Action::Block, &found(4, &row()), Ok(Commit::Conflict)).into_iter();
    let (mut renewed, mut another) = (row(), row());
    if let Status::Active { attempt, .. } = &mut renewed.status {
        attempt.generation = generation(9);
    }
    if let Status::Active { id, .. } = &mut another.status {
        *id = AccountId::from_bytes([9; 16]);
    }
    let again = acts(Action::Block, &found(5, &renewed), Ok(Commit::Committed));
    [
        ends(Action::Block, lost().chain(again), Event::AccountBlocked),
        ends(Action::Block, lost().chain([finds(found(5, &another))]), Event::NoAccount),
    ]
}

/// The commit's reply was lost: what may be done already is done again, under the same generation.
pub(super) fn lost() -> [Script<Administer>; 2] {
    [before(Action::Block), becomes(Action::Block).0].map(|now| {
        let lost = acts(Action::Block, &found(4, &row()), Err(Fault::Unknown));
        let again = acts(Action::Block, &found(5, &now), Ok(Commit::Committed));
        ends(Action::Block, lost.into_iter().chain(again), Event::AccountBlocked)
    })
}

/// The deletion's reply was lost. Where the account is gone it happened, whoever has come since; otherwise again.
pub(super) fn deletion_lost() -> [Script<Administer>; 3] {
    let lost = || acts(Action::Delete, &found(4, &row()), Err(Fault::Unknown)).into_iter();
    let mut stranger = pending(attempt(3), at(0), 60);
    stranger.last_mail = None;
    let happened = [gone(row()), stranger].map(|now| lost().chain([finds(found(5, &now))]).collect());
    let again = acts(Action::Delete, &found(4, &row()), Ok(Commit::Committed));
    let [gone, taken]: [Vec<Step>; 2] = happened;
    [gone, taken, lost().chain(again).collect()]
        .map(|steps| ends(Action::Delete, steps, Event::AccountDeleted))
}

pub(super) fn contended() -> Script<Administer> {
    let read = found(4, &row());
    let round = || acts(Action::Logout, &read, Ok(Commit::Conflict));
    let steps = (0..64).flat_map(|_| round()).chain([finds(read.clone())]);
    ends(Action::Logout, steps, Event::Contended)
}
