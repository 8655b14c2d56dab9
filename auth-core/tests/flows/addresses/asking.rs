//! The scripts of ChangeAddress, one function for each way that it can go.

use auth_core::{
    Address, Admission, Answer, AskingToMove, ChangeAddress, Commit, CommitAccount, Event, Fault, Found,
    Generation, LastMail, MailChange, MailId, OwedMail, Purpose, Row, Status, WaitingState,
};

use super::scripts::*;
use crate::{
    derived,
    fixture::{
        SEED, VACANT, at, attempt, client, explicit, found, generation, key, mail_id, nothing_found, pending,
        replaces, seconds, with_mail,
    },
    passwords::{finds_session, limited, session, token},
    script::{Script, Step, admitted, drawn, step},
    sessions::{counts, of_moves, row, script},
};
fn change() -> ChangeAddress {
    ChangeAddress { token: token(), address: new(), client: client() }
}

/// What the flow draws: the identity of the change, the mail, and the notice.
fn draws() -> (Generation, MailId, MailId) {
    let mut bytes = derived::stream(SEED, "change_address");
    let generation = derived::uuid(derived::take(&mut bytes));
    let mail = MailId::from_bytes(derived::take(&mut bytes));
    (generation, mail, MailId::from_bytes(derived::take(&mut bytes)))
}

fn begin() -> Vec<Step> {
    let fresh = finds_session(Some(session(at(-60))));
    vec![admitted(), drawn(), fresh, counts(of_moves(), Ok(Admission::Admitted))]
}

fn asking(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
    begin().into_iter().chain(rest).collect()
}

fn accepted(steps: Vec<Step>) -> Script<ChangeAddress> {
    script(change(), steps, AskingToMove::Accepted, Event::AddressAskedFor)
}

fn last(due: i64, interval: u64) -> Option<LastMail> {
    Some(LastMail { due: at(due), interval: seconds(interval), left: true })
}

/// The new address before and after, and when its mail is due: at once, or after the mails that it gets anyway.
fn free() -> [(Found, Row, i64); 4] {
    let vacant =
        |due, interval| Row { last_mail: last(due, interval), expires: Some(at(due + 86_400)), ..VACANT };
    let registered = pending(attempt(3), at(-30), 60);
    let mailed = Row {
        last_mail: last(30, 120),
        expires: registered.expires.max(Some(at(30 + 86_400))),
        ..registered.clone()
    };
    [
        (nothing_found(), vacant(0, 60), 0),
        (found(4, &VACANT), vacant(0, 60), 0),
        (found(4, &vacant(-30, 60)), vacant(30, 120), 30),
        (found(4, &registered), mailed, 30),
    ]
}

fn asks(own: &Found, new: &Found, after: Row, due: i64, answer: Answer<CommitAccount>) -> [Step; 3] {
    let (generation, mail, _) = draws();
    let owes = MailChange::Owe(code_mail(generation, mail, due));
    let own_change = replaces(own, waiting(generation, due + 86_400), Some(owes));
    let commit = both(own_change, replaces(new, after, None), false);
    [finds(&key(), own), finds(self::new().key(), new), step(commit, answer)]
}

pub(super) fn asked_for() -> Vec<Script<ChangeAddress>> {
    let own = found(7, &row());
    let scripts = free()
        .into_iter()
        .map(|(new, after, due)| accepted(asking(asks(&own, &new, after, due, Ok(Commit::Committed)))));
    scripts.collect()
}

/// The same change goes on: its mail waits, or another one follows.
pub(super) fn asked_again() -> [Script<ChangeAddress>; 2] {
    let (_, mail, _) = draws();
    let before = found(7, &waiting(generation(8), 1000));
    let reserved = Row { last_mail: last(-30, 60), expires: Some(at(86_370)), ..VACANT };
    let waits = with_mail(
        before.clone(),
        &code_mail(generation(8), mail_id(8), 30),
        WaitingState::Free { next: at(30) },
    );
    let asks = |own: &Found, until: i64, owed: Option<OwedMail>, after: Row| {
        let own_change = replaces(own, waiting(generation(8), until), owed.map(MailChange::Owe));
        let target = found(4, &reserved);
        let commit = both(own_change, replaces(&target, after, None), false);
        [finds(&key(), own), finds(new().key(), &target), step(commit, Ok(Commit::Committed))]
    };
    let kept = Row { expires: Some(at(86_400)), ..reserved.clone() };
    let later = Row { last_mail: last(30, 120), expires: Some(at(86_430)), ..reserved.clone() };
    [
        accepted(asking(asks(&waits, 86_400, None, kept))),
        accepted(asking(asks(&before, 86_430, Some(code_mail(generation(8), mail, 30)), later))),
    ]
}

/// Another spelling of the own address is taken at once; a change that waits is over.
pub(super) fn respelled() -> Script<ChangeAddress> {
    let address = Address::parse("ADA@Example.org").expect("the address is valid");
    let mut after = row();
    if let Status::Active { attempt, .. } = &mut after.status {
        attempt.address = address.clone();
    }
    let own = found(7, &waiting(generation(8), 1000));
    let commit = step(replaces(&own, after, None), Ok(Commit::Committed));
    let steps = asking([finds(&key(), &own), commit]);
    script(ChangeAddress { address, ..change() }, steps, AskingToMove::Accepted, Event::AddressAskedFor)
}

/// Mails to the new address wait for longer than the longest interval: no other one is owed.
pub(super) fn too_many_mails() -> Script<ChangeAddress> {
    let (generation, ..) = draws();
    let (own, before) =
        (found(7, &row()), Row { last_mail: last(7201, 7200), expires: Some(at(90_000)), ..VACANT });
    let target = found(4, &before);
    let commit =
        both(replaces(&own, waiting(generation, 86_400), None), replaces(&target, before, None), false);
    let commit = step(commit, Ok(Commit::Committed));
    accepted(asking([finds(&key(), &own), finds(new().key(), &target), commit]))
}

/// One of the rows has changed between reading and writing.
pub(super) fn asked_overtaken() -> Vec<Script<ChangeAddress>> {
    let (before, later) = (found(7, &row()), found(8, &row()));
    let (target, after) = (nothing_found(), free()[0].1.clone());
    let lost = || asks(&before, &target, after.clone(), 0, Ok(Commit::Conflict)).into_iter();
    let again = asks(&later, &target, after.clone(), 0, Ok(Commit::Committed));
    let mut scripts = vec![accepted(asking(lost().chain(again)))];
    let mut other = row();
    if let Status::Active { attempt, .. } = &mut other.status {
        attempt.generation = generation(9);
    }
    for ended in [found(8, &other), found(8, &VACANT)] {
        let steps = asking(lost().chain([finds(&key(), &ended)]));
        scripts.push(script(change(), steps, AskingToMove::NoSession, Event::NoSession));
    }
    scripts
}

/// The commit's reply was lost: if it happened the change goes on, and its mail waits.
pub(super) fn asked_lost() -> Script<ChangeAddress> {
    let (generation, mail, _) = draws();
    let (before, target, after) = (found(7, &row()), nothing_found(), free()[0].1.clone());
    let lost = asks(&before, &target, after.clone(), 0, Err(Fault::Unknown));
    let own = with_mail(
        found(8, &waiting(generation, 86_400)),
        &code_mail(generation, mail, 0),
        WaitingState::Free { next: at(0) },
    );
    let target = found(1, &after);
    let commit =
        both(replaces(&own, waiting(generation, 86_400), None), replaces(&target, after, None), false);
    let again = [finds(&key(), &own), finds(new().key(), &target), step(commit, Ok(Commit::Committed))];
    accepted(asking(lost.into_iter().chain(again)))
}

pub(super) fn not_asked() -> [Script<ChangeAddress>; 2] {
    let with = |session| vec![admitted(), drawn(), finds_session(session)];
    [
        script(change(), with(Some(session(at(-900)))), AskingToMove::ConfirmFirst, Event::NotFresh),
        script(change(), with(None), AskingToMove::NoSession, Event::NoSession),
    ]
}

pub(super) fn asking_limited() -> [Script<ChangeAddress>; 2] {
    let disclosed = || AskingToMove::RateLimited { retry_after: seconds(17) };
    let mut changes = begin();
    changes[3] = counts(of_moves(), Ok(Admission::Limited { retry_after: seconds(17) }));
    [limited(change(), disclosed()), script(change(), changes, disclosed(), Event::TooManyChanges)]
}

pub(super) fn asking_contended() -> Script<ChangeAddress> {
    let (own, target, after) = (found(7, &row()), nothing_found(), free()[0].1.clone());
    let round = || asks(&own, &target, after.clone(), 0, Ok(Commit::Conflict));
    let last = [finds(&key(), &own), finds(new().key(), &target)];
    let steps = asking((0..64).flat_map(|_| round()).chain(last));
    script(change(), steps, AskingToMove::Contended, Event::Contended)
}

/// An address with an account costs the same; its owner gets a notice, once a day, and no code is mailed.
pub(super) fn asking_disclosed() -> Vec<Script<ChangeAddress>> {
    let (generation, _, notice) = draws();
    let own = found(7, &row());
    let theirs = |last_notice| {
        let mut row = Row { last_notice, ..row() };
        if let Status::Active { attempt, id, .. } = &mut row.status {
            attempt.address = new();
            *id = auth_core::AccountId::from_bytes([5; 16]);
        }
        row
    };
    let told = OwedMail {
        id: notice,
        purpose: Purpose::Notice,
        generation: self::generation(1),
        locale: attempt(1).locale,
        first_due: at(0),
        to: None,
    };
    let mut scripts = Vec::new();
    for (last_notice, mail) in [(None, Some(told)), (Some(at(-60)), None)] {
        let (target, after) = (found(4, &theirs(last_notice)), theirs(last_notice.or(Some(at(0)))));
        let new_change = replaces(&target, after, mail.map(MailChange::Owe));
        let commit = both(replaces(&own, waiting(generation, 86_400), None), new_change, false);
        let steps = [finds(&key(), &own), finds(new().key(), &target), step(commit, Ok(Commit::Committed))];
        let hidden = script(change(), asking(steps), AskingToMove::Accepted, Event::AddressTaken);
        let disclosed = script(change(), hidden.steps.clone(), AskingToMove::Taken, Event::AddressTaken);
        scripts.extend([hidden, Script { rules: explicit(), ..disclosed }]);
    }
    scripts
}
