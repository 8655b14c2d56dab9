//! Owns the scripts of Deliver, one function for each way that it can go.

use std::time::Duration;

use auth_core::{
    Answer, Broken, Code, CodeSlot, CodeStored, Commit, Deliver, Detail, Ended, Event, Fault, Found, Kind,
    Lease, LeaseToken, LeasedMail, OwedMail, PutCode, Row, Rules, SendMail, Sending, SettleMail, Settled,
    Settlement, Template,
};

use crate::{
    derived,
    fixture::{
        CODE_KEY, DAY, KEPT, TTL, activated, active, at, attempt, expired, found, generation, key, locale,
        mail_id, nothing_found, notice, owed, pending, replaces, rules, rules_with, seconds, stored_address,
    },
    script::{Script, Step, finds, step},
};

/// The lease of the mail in all scripts.
const LEASE: Lease = Lease { mail: mail_id(9), token: LeaseToken::from_bytes([5; 16]) };
/// How long sending one mail may take.
const DEADLINE: Duration = Rules::SEND_DEADLINE;

const LOST: &str = "the server's last reply was lost; the mail may have arrived";

/// A mail that was due a second ago, leased for the first time.
fn first_try(mail: OwedMail) -> LeasedMail {
    LeasedMail { lease: LEASE, key: key(), mail, attempts: 1, unknowns: 0 }
}

fn activation_mail() -> OwedMail {
    owed(mail_id(9), &attempt(1), at(-1))
}

/// The attempt as it stands when its mail is leased.
fn row() -> Row {
    pending(attempt(1), at(-1), 60)
}

fn slot() -> CodeSlot {
    derived::slot(&key(), generation(1))
}

fn code() -> Code {
    derived::code(CODE_KEY, slot(), mail_id(9), rules().policy().code)
}

pub(super) fn script(leased: LeasedMail, steps: Vec<Step>, ended: Ended<Deliver>) -> Script<Deliver> {
    Script { rules: rules(), flow: Deliver { leased }, steps, ended }
}

/// Puts the code for so long; a try of the same mail puts it with the same name.
fn puts(lifetime: Duration, answer: Answer<PutCode>) -> Step {
    let mac = derived::mac(CODE_KEY, slot(), &code());
    let retention = DAY + TTL + DEADLINE;
    let order = PutCode { slot: slot(), mail: mail_id(9), mac, lifetime, tries: 5, newest: 3, retention };
    step(order, answer)
}

/// The recipient is the spelling of the attempt, its domain as mail servers know it.
fn sends(template: Template, answer: Answer<SendMail>) -> Step {
    let to = stored_address().recipient();
    step(SendMail { id: mail_id(9), to, locale: locale("fr"), template }, answer)
}

fn sends_code(answer: Answer<SendMail>) -> Step {
    sends(Template::Activation { code: code(), ttl: TTL, tries: 5 }, answer)
}

fn settles(settlement: Settlement, settled: Settled) -> Step {
    step(SettleMail { lease: LEASE, settlement }, Ok(settled))
}

/// Notes that the mail's outcome may stay unknown from now on.
fn begins(leased: &LeasedMail) -> Step {
    settles(Settlement::Begun { unknowns: leased.unknowns + 1 }, Settled::Settled)
}

/// An activation mail up to its sending, which ends like this.
fn sending(leased: LeasedMail, answer: Answer<SendMail>, rest: Vec<Step>, event: Event) -> Script<Deliver> {
    let put = puts(TTL + DEADLINE, Ok(CodeStored));
    let steps = [finds(found(4, &row())), put, begins(&leased), sends_code(answer)];
    script(leased, steps.into_iter().chain(rest).collect(), Ok(event))
}

fn retry(after: u64, unknowns: u8, why: &str) -> Step {
    let settlement = Settlement::Retry { after: seconds(after), unknowns, detail: Detail::new(why) };
    settles(settlement, Settled::Settled)
}

fn dead(why: &str) -> Step {
    settles(Settlement::Dead { detail: Detail::new(why) }, Settled::Settled)
}

pub(super) fn accepted() -> Script<Deliver> {
    let rest = vec![puts(TTL, Ok(CodeStored)), settles(Settlement::Sent, Settled::Settled)];
    sending(first_try(activation_mail()), Ok(Sending::Accepted), rest, Event::MailSent)
}

/// The code lives a little longer, and the mail is sent all the same.
pub(super) fn accepted_without_second_put(fault: Fault) -> Script<Deliver> {
    let rest = vec![puts(TTL, Err(fault)), settles(Settlement::Sent, Settled::Settled)];
    sending(first_try(activation_mail()), Ok(Sending::Accepted), rest, Event::MailSent)
}

pub(super) fn accepted_but_lease_lost() -> Script<Deliver> {
    let rest = vec![puts(TTL, Ok(CodeStored)), settles(Settlement::Sent, Settled::Lost)];
    sending(first_try(activation_mail()), Ok(Sending::Accepted), rest, Event::LeaseLost)
}

pub(super) fn accepted_but_not_settled(fault: Fault) -> Script<Deliver> {
    let script = accepted();
    let mut steps = script.steps;
    let last = steps.pop().expect("it settles in the end");
    steps.push(last.failing(fault));
    Script { steps, ended: Err(Broken { kind: Kind::SettleMail, fault }), ..script }
}

pub(super) fn rejected() -> Script<Deliver> {
    let why = "550 no such user";
    let answer = Ok(Sending::Rejected(Detail::new(why)));
    sending(first_try(activation_mail()), answer, vec![dead(why)], Event::MailDead)
}

/// Deferred on its `attempts`-th try: the next one is so many seconds later.
pub(super) fn deferred(attempts: u32, after: u64) -> Script<Deliver> {
    let why = "451 try again";
    let leased = LeasedMail { attempts, unknowns: 1, ..first_try(activation_mail()) };
    let answer = Ok(Sending::Deferred(Detail::new(why)));
    sending(leased, answer, vec![retry(after, 1, why)], Event::MailDeferred)
}

/// Deferred so many seconds after it was first due, where mails are given up after an hour.
pub(super) fn deferred_when_old(age: i64) -> Script<Deliver> {
    let why = "451 try again";
    let leased = first_try(owed(mail_id(9), &attempt(1), at(-age)));
    let (rest, event) =
        if age < 3600 { (retry(1, 0, why), Event::MailDeferred) } else { (dead(why), Event::MailDead) };
    let script = sending(leased, Ok(Sending::Deferred(Detail::new(why))), vec![rest], event);
    Script { rules: rules_with(|policy| policy.mail_give_up = seconds(3600)), ..script }
}

pub(super) fn not_sent() -> Script<Deliver> {
    let rest = vec![retry(1, 0, "the mailer did not start")];
    sending(first_try(activation_mail()), Err(Fault::NotDone), rest, Event::MailDeferred)
}

/// The server's last reply was lost for the `n`-th time.
pub(super) fn perhaps_sent(n: u8) -> Script<Deliver> {
    let leased = LeasedMail { attempts: n.into(), unknowns: n - 1, ..first_try(activation_mail()) };
    let (rest, event) =
        if n < 3 { (retry(600, n, LOST), Event::MailUnknown) } else { (dead(LOST), Event::MailDead) };
    sending(leased, Err(Fault::Unknown), vec![rest], event)
}

/// Three attempts have begun, and nobody knows what became of the last one.
pub(super) fn begun_too_often() -> Script<Deliver> {
    let leased = LeasedMail { attempts: 4, unknowns: 3, ..first_try(activation_mail()) };
    let steps = vec![finds(found(4, &row())), dead(LOST)];
    script(leased, steps, Ok(Event::MailDead))
}

pub(super) fn lease_lost_before_sending() -> Script<Deliver> {
    let script = accepted();
    let mut steps = script.steps[..2].to_vec();
    steps.push(settles(Settlement::Begun { unknowns: 1 }, Settled::Lost));
    Script { steps, ended: Ok(Event::LeaseLost), ..script }
}

/// So many seconds before the row's end: it is moved first, since the code could outlive it.
pub(super) fn late(seconds_left: i64, commit: Commit) -> Script<Deliver> {
    let kept = i64::try_from(KEPT.as_secs()).expect("it is no eternity");
    let mail = owed(mail_id(9), &attempt(1), at(seconds_left - kept));
    let row = pending(attempt(1), mail.due, 60);
    let later = Row { expires: Some(at(0).after(KEPT)), ..row.clone() };
    let script = accepted();
    let mut steps = vec![finds(found(4, &row))];
    if seconds_left < 1260 {
        steps.push(step(replaces(&found(4, &row), later, None), Ok(commit.clone())));
    }
    if commit == Commit::Conflict {
        steps.push(retry(1, 0, "the account changed meanwhile; the mail was not tried"));
        return Script {
            flow: Deliver { leased: first_try(mail) },
            steps,
            ended: Ok(Event::MailDeferred),
            ..script
        };
    }
    steps.extend(script.steps[1..].to_vec());
    Script { flow: Deliver { leased: first_try(mail) }, steps, ..script }
}

pub(super) fn code_not_put(fault: Fault, why: &str) -> Script<Deliver> {
    let put = puts(TTL + DEADLINE, Err(fault));
    let steps = vec![finds(found(4, &row())), put, retry(1, 0, why)];
    script(first_try(activation_mail()), steps, Ok(Event::MailDeferred))
}

pub(super) fn superseded(found: Found, mail: OwedMail) -> Script<Deliver> {
    let steps = vec![finds(found), settles(Settlement::Superseded, Settled::Settled)];
    script(first_try(mail), steps, Ok(Event::MailSuperseded))
}

pub(super) fn superseded_but_lease_lost() -> Script<Deliver> {
    let steps = vec![finds(nothing_found()), settles(Settlement::Superseded, Settled::Lost)];
    script(first_try(activation_mail()), steps, Ok(Event::LeaseLost))
}

/// What an activation mail can find in place of its attempt.
pub(super) fn others() -> [Found; 5] {
    let newer = pending(attempt(2), at(-1), 60);
    [
        nothing_found(),
        found(4, &newer),
        found(4, &expired()),
        found(4, &activated(row(), at(0))),
        found(4, &crate::fixture::VACANT),
    ]
}

/// A notice takes no code: found, sent, settled.
pub(super) fn notice_sent() -> Script<Deliver> {
    let leased = first_try(notice(mail_id(9), &attempt(1), at(-1)));
    let steps = vec![
        finds(found(4, &active(300_000))),
        begins(&leased),
        sends(Template::Notice, Ok(Sending::Accepted)),
        settles(Settlement::Sent, Settled::Settled),
    ];
    script(leased, steps, Ok(Event::MailSent))
}

pub(super) fn notice_perhaps_sent() -> Script<Deliver> {
    let script = notice_sent();
    let mut steps = script.steps;
    steps[2] = steps[2].failing(Fault::Unknown);
    steps[3] = retry(600, 1, LOST);
    Script { steps, ended: Ok(Event::MailUnknown), ..script }
}

/// A notice for an account that is not active (any more), or for another one.
pub(super) fn notices_for_nobody() -> [Script<Deliver>; 3] {
    let mail = |n| notice(mail_id(9), &attempt(n), at(-1));
    [
        superseded(nothing_found(), mail(1)),
        superseded(found(4, &row()), mail(1)),
        superseded(found(4, &active(300_000)), mail(2)),
    ]
}

pub(super) fn to_others() -> Vec<Script<Deliver>> {
    others().into_iter().map(|found| superseded(found, activation_mail())).collect()
}
