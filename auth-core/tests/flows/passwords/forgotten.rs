//! The scripts of ForgotPassword, one function for each way that it can go.

use auth_core::{
    Commit, Event, Forgetting, ForgotPassword, Found, LastMail, MailChange, MailId, OwedMail, Purpose, Row,
    Time, WaitingState,
};

use super::scripts::*;
use crate::{
    derived,
    fixture::{
        DAY, SEED, VACANT, address, at, attempt, client, expired, explicit, found, generation, mail_id,
        nothing_found, pending, replaces, seconds, with_mail,
    },
    script::{Script, Step, admitted, drawn, finds, step},
};

fn forgot() -> ForgotPassword {
    ForgotPassword { address: address(), client: client() }
}

/// The mail that the flow draws.
fn reset_id() -> MailId {
    MailId::from_bytes(derived::take(&mut derived::stream(SEED, "forgot_password")))
}

fn reset_mail(due: Time) -> OwedMail {
    let (id, purpose) = (reset_id(), Purpose::Reset);
    OwedMail { id, purpose, generation: generation(1), locale: attempt(1).locale, first_due: due, to: None }
}

fn forgetting(found: Found, after: Row, mail: Option<OwedMail>) -> Vec<Step> {
    let commit = replaces(&found, after, mail.map(MailChange::Owe));
    vec![admitted(), drawn(), finds(found), step(commit, Ok(Commit::Committed))]
}

fn mailed(due: Time, interval: u64) -> Row {
    let last_mail = Some(LastMail { due, interval: seconds(interval), left: false });
    Row { last_mail, ..row() }
}

/// An active account owes a mail: at once, or when the interval since the last one is over.
pub(super) fn asked_for() -> [Script<ForgotPassword>; 2] {
    let recent =
        Row { last_mail: Some(LastMail { due: at(-30), interval: seconds(60), left: true }), ..row() };
    [(row(), at(0), 60), (recent, at(30), 120)].map(|(before, due, interval)| {
        let steps = forgetting(found(4, &before), mailed(due, interval), Some(reset_mail(due)));
        script(forgot(), steps, Forgetting::Accepted, Event::ResetAskedFor)
    })
}

/// Every other state costs the same commit, and owes none.
fn in_vain() -> Vec<(&'static str, Vec<Step>, Event)> {
    let vacant = || Row { expires: Some(at(0).after(DAY)), ..VACANT };
    let pending = || pending(attempt(1), at(-30), 60);
    vec![
        ("absent", forgetting(nothing_found(), vacant(), None), Event::NoAccount),
        ("vacant", forgetting(found(4, &VACANT), vacant(), None), Event::NoAccount),
        ("expired", forgetting(found(4, &expired()), vacant(), None), Event::NoAccount),
        ("pending", forgetting(found(4, &pending()), pending(), None), Event::NotActivated),
        ("blocked", forgetting(found(4, &blocked()), blocked(), None), Event::Blocked),
    ]
}

pub(super) fn asked_in_vain() -> Vec<Script<ForgotPassword>> {
    let scripts = in_vain().into_iter().map(|(name, steps, event)| Script {
        name: name.to_owned(),
        ..script(forgot(), steps, Forgetting::Accepted, event)
    });
    scripts.collect()
}

pub(super) fn asking_disclosed() -> Vec<Script<ForgotPassword>> {
    let scripts = in_vain().into_iter().map(|(name, steps, event)| {
        let disclosed = if event == Event::Blocked { Forgetting::Accepted } else { Forgetting::NoAccount };
        Script { name: name.to_owned(), rules: explicit(), ..script(forgot(), steps, disclosed, event) }
    });
    scripts.collect()
}

fn waiting(mail: &OwedMail) -> Found {
    with_mail(found(4, &mailed(at(30), 120)), mail, WaitingState::Free { next: at(30) })
}

/// A mail that waits answers the request, too.
pub(super) fn asked_again() -> Script<ForgotPassword> {
    let found = waiting(&OwedMail { id: mail_id(8), ..reset_mail(at(30)) });
    let steps = forgetting(found, mailed(at(30), 120), None);
    script(forgot(), steps, Forgetting::Accepted, Event::ResetAskedFor)
}

/// One that was asked for before a change of the password never leaves: another takes its place, and its time.
pub(super) fn asked_after_a_change() -> Script<ForgotPassword> {
    let found = waiting(&OwedMail { id: mail_id(8), generation: generation(2), ..reset_mail(at(30)) });
    let steps = forgetting(found, mailed(at(30), 120), Some(reset_mail(at(30))));
    script(forgot(), steps, Forgetting::Accepted, Event::ResetAskedFor)
}

pub(super) fn asking_limited() -> Script<ForgotPassword> {
    limited(forgot(), Forgetting::RateLimited { retry_after: seconds(17) })
}
