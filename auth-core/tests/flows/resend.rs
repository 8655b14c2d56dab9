//! The scripts of Resend: registration without a password.

use auth_core::{Admission, Commit, Event, Found, Outcome, OwedMail, Resend, Resending, Row};

use crate::{
    derived,
    fixture::{
        DAY, KEPT, SEED, VACANT, active, address, admits, at, attempt, client, expired, explicit, found,
        nothing_found, notice, owed, pending, rules, seconds, trying, unsent,
    },
    register::commits,
    script::{Script, Step, admitted, drawn, finds, scripts, step},
};

fn script(steps: Vec<Step>, disclosed: Resending, event: Event) -> Script<Resend> {
    let flow = Resend { address: address(), client: client() };
    Script { name: String::new(), rules: rules(), flow, steps, ended: Ok(Outcome { disclosed, event }) }
}

fn one(found: Found, row: Row, mail: Option<OwedMail>, event: Event) -> Script<Resend> {
    let commit = commits(&found, row, mail, Commit::Committed);
    script(vec![admitted(), drawn(), finds(found), commit], Resending::Accepted, event)
}

/// Returns the row that is written for an unknown address.
fn vacant() -> Row {
    Row { expires: Some(at(0).after(DAY)), ..VACANT }
}

fn unknown_address() -> Script<Resend> {
    one(nothing_found(), vacant(), None, Event::NoAccount)
}

fn vacant_address() -> Script<Resend> {
    let earlier = Row { expires: Some(at(10)), ..VACANT };
    one(found(3, &earlier), vacant(), None, Event::NoAccount)
}

fn expired_attempt() -> Script<Resend> {
    one(found(3, &expired()), vacant(), None, Event::NoAccount)
}

/// Returns the script of a pending attempt whose last mail was due at `was`; the next one is due at `due`.
fn pending_address(was: (i64, u64), due: (i64, u64)) -> Script<Resend> {
    let before = pending(attempt(1), at(was.0), was.1);
    let after = pending(attempt(1), at(due.0), due.1);
    let mail = owed(derived::resend(SEED), &attempt(1), at(due.0));
    one(found(3, &before), after, Some(mail), Event::MailAskedFor)
}

fn after_the_interval() -> Script<Resend> {
    pending_address((-100, 60), (0, 120))
}

fn within_the_interval() -> Script<Resend> {
    pending_address((-10, 60), (50, 120))
}

fn while_a_mail_waits() -> Script<Resend> {
    pending_address((50, 120), (50, 120))
}

/// The mail was due 10 s ago and nobody has begun to send it: replacing it would gain nothing.
fn while_a_mail_is_late() -> Script<Resend> {
    let row = unsent(pending(attempt(1), at(-10), 60));
    let found = trying(found(3, &row), at(-10));
    one(found, Row { expires: Some(at(0).after(KEPT)), ..row }, None, Event::MailAskedFor)
}

fn at_the_longest_interval() -> Script<Resend> {
    pending_address((-10, 7200), (7190, 7200))
}

fn active_account() -> Script<Resend> {
    let row = active(300_000);
    let mail = notice(derived::resend(SEED), &attempt(1), at(0));
    let after = Row { last_notice: Some(at(0)), ..row.clone() };
    one(found(3, &row), after, Some(mail), Event::AlreadyActive)
}

fn active_account_told_today() -> Script<Resend> {
    let row = Row { last_notice: Some(at(-60)), ..active(300_000) };
    one(found(3, &row), row, None, Event::AlreadyActive)
}

fn raced() -> Script<Resend> {
    let after = pending(attempt(1), at(0), 60);
    let mail = owed(derived::resend(SEED), &attempt(1), at(0));
    let theirs = found(1, &pending(attempt(1), at(0), 60));
    let steps = vec![
        admitted(),
        drawn(),
        finds(nothing_found()),
        commits(&nothing_found(), vacant(), None, Commit::Conflict),
        finds(theirs.clone()),
        commits(&theirs, after, Some(mail), Commit::Committed),
    ];
    script(steps, Resending::Accepted, Event::MailAskedFor)
}

fn contended() -> Script<Resend> {
    let mut steps = vec![admitted(), drawn()];
    for _ in 0..64 {
        steps.push(finds(nothing_found()));
        steps.push(commits(&nothing_found(), vacant(), None, Commit::Conflict));
    }
    script(steps, Resending::Contended, Event::Contended)
}

fn limited() -> Script<Resend> {
    let retry_after = seconds(17);
    let answer = Ok(Admission::Limited { retry_after });
    let steps = vec![step(admits(), answer)];
    script(steps, Resending::RateLimited { retry_after }, Event::RateLimited)
}

fn limited_and_disclosed() -> Script<Resend> {
    Script { rules: explicit(), ..limited() }
}

fn disclosed() -> Vec<Script<Resend>> {
    let discloses = |script: Script<Resend>, disclosed| {
        let ended = script.ended.map(|outcome| Outcome { disclosed, ..outcome });
        Script { rules: explicit(), ended, ..script }
    };
    scripts![
        discloses(unknown_address(), Resending::NoAccount),
        discloses(vacant_address(), Resending::NoAccount),
        discloses(expired_attempt(), Resending::NoAccount),
        discloses(active_account(), Resending::AlreadyActive),
        discloses(active_account_told_today(), Resending::AlreadyActive),
        discloses(after_the_interval(), Resending::Accepted),
        discloses(within_the_interval(), Resending::Accepted),
        discloses(contended(), Resending::Contended),
        limited_and_disclosed(),
    ]
}

pub(crate) fn scripts() -> Vec<Script<Resend>> {
    scripts![
        unknown_address(),
        vacant_address(),
        expired_attempt(),
        after_the_interval(),
        within_the_interval(),
        while_a_mail_waits(),
        while_a_mail_is_late(),
        at_the_longest_interval(),
        active_account(),
        active_account_told_today(),
        raced(),
        contended(),
        limited(),
        disclosed(),
    ]
}

#[test]
fn a_resend_for_an_unknown_address_advances_nothing() {
    unknown_address().play();
    vacant_address().play();
}

#[test]
fn an_expired_attempt_counts_as_absent() {
    expired_attempt().play();
}

#[test]
fn a_pending_attempt_gets_another_mail() {
    after_the_interval().play();
}

#[test]
fn a_mail_within_the_interval_is_held_back() {
    within_the_interval().play();
    at_the_longest_interval().play();
}

#[test]
fn asking_again_does_not_put_a_waiting_mail_off() {
    while_a_mail_waits().play();
    while_a_mail_is_late().play();
}

#[test]
fn the_owner_of_an_active_account_is_told_once_a_day() {
    active_account().play();
    active_account_told_today().play();
}

#[test]
fn a_conflict_is_read_and_decided_again() {
    raced().play();
    contended().play();
}

#[test]
fn the_client_limit_comes_first() {
    limited().play();
}

#[test]
fn explicit_tells_absent_pending_and_active_apart() {
    disclosed().iter().for_each(Script::play);
}
