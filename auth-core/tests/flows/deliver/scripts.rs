//! The scripts of Deliver, one function for each way that it can go.

use std::time::Duration;

use auth_core::{
    Answer, Broken, Code, CodeSlot, CodeStored, Commit, CommitAccount, Deliver, Detail, Ended, Event, Fault,
    Found, Kind, LastMail, Lease, LeaseToken, LeasedMail, MailChange, OwedMail, Purpose, PutCode, ResetToken,
    Row, Rules, Secret, SendMail, Sending, SettleMail, Settled, Settlement, Template, WaitingState,
};

use crate::{
    derived,
    fixture::{
        CODE_KEY, DAY, KEPT, TTL, activated, active, at, attempt, expired, found, generation, key, locale,
        mail_id, nothing_found, notice, owed, pending, replaces, rules, rules_with, seconds, sent,
        stored_address, unsent, with_mail,
    },
    script::{Script, Step, finds, step},
};

/// The lease of the mail in all scripts.
const LEASE: Lease = Lease { mail: mail_id(9), token: LeaseToken::from_bytes([5; 16]) };
/// How long sending one mail may take.
const DEADLINE: Duration = Rules::SEND_DEADLINE;

const LOST: &str = "the server's last reply was lost; the mail may have arrived";

/// Returns a mail that was due a second ago, leased for the first time.
fn first_try(mail: OwedMail) -> LeasedMail {
    LeasedMail { lease: LEASE, key: key(), mail, attempts: 1, unknowns: 0 }
}

fn activation_mail() -> OwedMail {
    owed(mail_id(9), &attempt(1), at(-1))
}

/// Returns the row when its mail is leased for the first time.
fn row() -> Row {
    unsent(pending(attempt(1), at(-1), 60))
}

fn slot() -> CodeSlot {
    derived::slot(&key(), generation(1))
}

fn code() -> Code {
    derived::code(CODE_KEY, slot(), mail_id(9), rules().policy().code)
}

pub(super) fn script(leased: LeasedMail, steps: Vec<Step>, ended: Ended<Deliver>) -> Script<Deliver> {
    Script { name: String::new(), rules: rules(), flow: Deliver { leased }, steps, ended }
}

/// Puts the code before the mail leaves.
fn puts(answer: Answer<PutCode>) -> Step {
    step(put(TTL + DEADLINE, false), answer)
}

/// Puts the code once sending has ended: for its TTL, or for zero to remove it.
fn puts_again(lifetime: Duration) -> Step {
    step(put(lifetime, true), Ok(CodeStored))
}

fn takes_back() -> Step {
    puts_again(Duration::ZERO)
}

fn put(lifetime: Duration, ends: bool) -> PutCode {
    PutCode {
        slot: slot(),
        mail: mail_id(9),
        mails: 32,
        lease: LEASE.token,
        ends,
        mac: derived::mac(CODE_KEY, slot(), &code()),
        lifetime,
        tries: 5,
        newest: 3,
        retention: DAY + TTL + DEADLINE,
    }
}

/// Sends to the spelling of the attempt, with its domain as A-labels.
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

/// Adds the mail under this worker's lease.
fn held(found: Found, mail: &OwedMail) -> Found {
    with_mail(found, mail, WaitingState::Held { token: LEASE.token })
}

/// Finds the mail under its lease and begins it: from now on its outcome may stay unknown.
fn begins(leased: &LeasedMail, before: &Row, after: Row) -> [Step; 2] {
    let found = held(found(4, before), &leased.mail);
    [finds(found.clone()), step(beginning(leased, &found, after), Ok(Commit::Committed))]
}

fn beginning(leased: &LeasedMail, found: &Found, after: Row) -> CommitAccount {
    let begin = MailChange::Begin { mail: mail_id(9), unknowns: leased.unknowns + 1 };
    replaces(found, after, Some(begin))
}

/// Returns the row from when its mail is being sent.
fn begun() -> Row {
    Row { expires: Some(at(0).after(KEPT)), ..sent(row(), at(0)) }
}

/// Returns the script of an activation mail whose sending gets this answer.
fn sending(leased: LeasedMail, answer: Answer<SendMail>, rest: Vec<Step>, event: Event) -> Script<Deliver> {
    let begins = begins(&leased, &row(), begun());
    let steps = begins.into_iter().chain([puts(Ok(CodeStored)), sends_code(answer)]).chain(rest).collect();
    script(leased, steps, Ok(event))
}

fn retry(after: u64, unknowns: u8, why: &str) -> Step {
    let settlement = Settlement::Retry { after: seconds(after), unknowns, detail: Detail::new(why) };
    settles(settlement, Settled::Settled)
}

fn dead(why: &str) -> Step {
    settles(Settlement::Dead { detail: Detail::new(why) }, Settled::Settled)
}

pub(super) fn accepted() -> Script<Deliver> {
    let rest = vec![puts_again(TTL), settles(Settlement::Sent, Settled::Settled)];
    sending(first_try(activation_mail()), Ok(Sending::Accepted), rest, Event::MailSent)
}

/// The code lives a little longer, and the mail is sent all the same.
pub(super) fn accepted_without_second_put(fault: Fault) -> Script<Deliver> {
    let script = accepted();
    let mut steps = script.steps;
    steps[4] = steps[4].failing(fault);
    Script { steps, ..script }
}

/// Another worker may be sending the mail and its code: the order names the lease, so that the store leaves the code
/// alone.
pub(super) fn accepted_but_lease_lost() -> Script<Deliver> {
    let rest = vec![puts_again(TTL), settles(Settlement::Sent, Settled::Lost)];
    sending(first_try(activation_mail()), Ok(Sending::Accepted), rest, Event::LeaseLost)
}

pub(super) fn accepted_but_not_settled(fault: Fault) -> Script<Deliver> {
    let script = accepted_but_lease_lost();
    let mut steps = script.steps;
    let last = steps.pop().expect("the last step settles");
    steps.push(last.failing(fault));
    Script { steps, ended: Err(Broken { kind: Kind::SettleMail, fault }), ..script }
}

pub(super) fn rejected() -> Script<Deliver> {
    let why = "550 no such user";
    let answer = Ok(Sending::Rejected(Detail::new(why)));
    sending(first_try(activation_mail()), answer, vec![takes_back(), dead(why)], Event::MailDead)
}

/// Deferred on its `attempts`-th try: the next one is `after` seconds later.
pub(super) fn deferred(attempts: u32, after: u64) -> Script<Deliver> {
    let why = "451 try again";
    let leased = LeasedMail { attempts, unknowns: 1, ..first_try(activation_mail()) };
    let answer = Ok(Sending::Deferred(Detail::new(why)));
    sending(leased, answer, vec![takes_back(), retry(after, 1, why)], Event::MailDeferred)
}

pub(super) fn deferred_but_lease_lost() -> Script<Deliver> {
    let script = deferred(1, 1);
    let mut steps = script.steps;
    steps.truncate(5);
    let settlement =
        Settlement::Retry { after: seconds(1), unknowns: 1, detail: Detail::new("451 try again") };
    steps.push(settles(settlement, Settled::Lost));
    Script { steps, ended: Ok(Event::LeaseLost), ..script }
}

/// Deferred `age` seconds after it was first due, where mails are given up after an hour.
pub(super) fn deferred_when_old(age: i64) -> Script<Deliver> {
    let why = "451 try again";
    let leased = first_try(owed(mail_id(9), &attempt(1), at(-age)));
    let (rest, event) =
        if age < 3600 { (retry(1, 0, why), Event::MailDeferred) } else { (dead(why), Event::MailDead) };
    let answer = Ok(Sending::Deferred(Detail::new(why)));
    let script = sending(leased, answer, vec![takes_back(), rest], event);
    Script { rules: rules_with(|policy| policy.mail_give_up = seconds(3600)), ..script }
}

pub(super) fn not_sent() -> Script<Deliver> {
    let rest = vec![takes_back(), retry(1, 0, "the mailer did not start")];
    sending(first_try(activation_mail()), Err(Fault::NotDone), rest, Event::MailDeferred)
}

/// The server's last reply was lost for the `n`-th time.
pub(super) fn perhaps_sent(n: u8) -> Script<Deliver> {
    let leased = LeasedMail { attempts: n.into(), unknowns: n - 1, ..first_try(activation_mail()) };
    let (rest, event) =
        if n < 3 { (retry(600, n, LOST), Event::MailUnknown) } else { (dead(LOST), Event::MailDead) };
    sending(leased, Err(Fault::Unknown), vec![rest], event)
}

/// Three attempts have begun, and the outcome of the last one is unknown.
pub(super) fn begun_too_often() -> Script<Deliver> {
    let leased = LeasedMail { attempts: 4, unknowns: 3, ..first_try(activation_mail()) };
    let steps = vec![finds(held(found(4, &row()), &activation_mail())), dead(LOST)];
    script(leased, steps, Ok(Event::MailDead))
}

/// The mail is another worker's, free, or no longer there: nothing is changed.
pub(super) fn lease_lost_before_it_began() -> [Script<Deliver>; 3] {
    let token = LeaseToken::from_bytes([6; 16]);
    let states = [WaitingState::Held { token }, WaitingState::Free { next: at(0) }];
    let others = states.map(|state| with_mail(found(4, &row()), &activation_mail(), state));
    let [held, free] = others;
    [held, free, found(4, &row())]
        .map(|found| script(first_try(activation_mail()), vec![finds(found)], Ok(Event::LeaseLost)))
}

/// Somebody asks between reading and beginning; then the mail is still there, or another one in its place.
pub(super) fn raced(still_held: bool) -> Script<Deliver> {
    let script = accepted();
    let found = held(found(4, &row()), &activation_mail());
    let conflict = step(beginning(&script.flow.leased, &found, begun()), Ok(Commit::Conflict));
    let mut steps = vec![finds(found.clone()), conflict];
    if still_held {
        steps.extend(script.steps);
        return Script { steps, ..script };
    }
    steps.push(finds(Found { waiting: Vec::new(), ..found }));
    Script { steps, ended: Ok(Event::LeaseLost), ..script }
}

/// Whatever the row's expiry was, it is at least a day after the mail began.
pub(super) fn late(seconds_left: i64) -> Script<Deliver> {
    let kept = i64::try_from(KEPT.as_secs()).expect("the time is small");
    let leased = first_try(owed(mail_id(9), &attempt(1), at(seconds_left - kept)));
    let row = pending(attempt(1), leased.mail.first_due, 60);
    let script = accepted();
    let steps = begins(&leased, &row, begun()).into_iter().chain(script.steps[2..].to_vec()).collect();
    Script { flow: Deliver { leased }, steps, ..script }
}

/// A fault before the mail is tried; a code that may have been put is removed.
pub(super) fn code_not_put(fault: Fault, why: &str) -> Script<Deliver> {
    let leased = first_try(activation_mail());
    let begins = begins(&leased, &row(), begun());
    let steps = begins.into_iter().chain([puts(Err(fault)), takes_back(), retry(1, 0, why)]).collect();
    script(leased, steps, Ok(Event::MailDeferred))
}

pub(super) fn superseded(found: Found, mail: OwedMail) -> Script<Deliver> {
    let steps = vec![finds(held(found, &mail)), settles(Settlement::Superseded, Settled::Settled)];
    script(first_try(mail), steps, Ok(Event::MailSuperseded))
}

pub(super) fn superseded_but_lease_lost() -> Script<Deliver> {
    let found = held(nothing_found(), &activation_mail());
    let steps = vec![finds(found), settles(Settlement::Superseded, Settled::Lost)];
    script(first_try(activation_mail()), steps, Ok(Event::LeaseLost))
}

/// Returns what an activation mail can find in place of its attempt.
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

/// A notice has no code: find, begin, send, settle.
pub(super) fn notice_sent() -> Script<Deliver> {
    let leased = first_try(notice(mail_id(9), &attempt(1), at(-1)));
    let row = active(300_000);
    let begins = begins(&leased, &row, Row { last_notice: Some(at(0)), ..row.clone() });
    let sends = sends(Template::Notice, Ok(Sending::Accepted));
    let steps = begins.into_iter().chain([sends, settles(Settlement::Sent, Settled::Settled)]).collect();
    script(leased, steps, Ok(Event::MailSent))
}

/// A token is put before its mail leaves, and lives for its time from then on.
pub(super) fn reset_sent() -> Script<Deliver> {
    let mail = OwedMail { purpose: Purpose::Reset, ..owed(mail_id(9), &attempt(1), at(-1)) };
    let leased = first_try(mail);
    let last_mail = Some(LastMail { due: at(-1), interval: seconds(60), left: false });
    let before = Row { last_mail, ..active(300_000) };
    let begins = begins(&leased, &before, sent(before.clone(), at(0)));
    let (token, slot) = derived::reset(CODE_KEY, &key(), generation(1), mail_id(9));
    let ttl = Duration::from_secs(3 * 3600);
    let put = |lifetime, ends| {
        let mac = derived::mac_of(CODE_KEY, slot, &token);
        let retention = DAY + ttl + DEADLINE;
        step(
            PutCode { slot, mac, tries: 1, newest: 1, retention, ..self::put(lifetime, ends) },
            Ok(CodeStored),
        )
    };
    let template = Template::Reset { token: ResetToken::new(Secret::new(token.clone())), ttl };
    let rest = [
        put(ttl + DEADLINE, false),
        sends(template, Ok(Sending::Accepted)),
        put(ttl, true),
        settles(Settlement::Sent, Settled::Settled),
    ];
    script(leased, begins.into_iter().chain(rest).collect(), Ok(Event::MailSent))
}

/// What is told of a changed password or a deleted account goes to the address that the account had.
pub(super) fn farewells() -> [Script<Deliver>; 2] {
    let told = [
        (Purpose::PasswordChanged, Template::PasswordChanged, active(300_000)),
        (Purpose::AccountDeleted, Template::AccountDeleted, crate::fixture::VACANT),
    ];
    told.map(|(purpose, template, row)| {
        let to = Some(stored_address());
        let leased = first_try(OwedMail { purpose, to, ..owed(mail_id(9), &attempt(1), at(-1)) });
        let expires = (row == crate::fixture::VACANT).then(|| at(0).after(DAY));
        let begins = begins(&leased, &row, Row { expires, ..row.clone() });
        let rest = [sends(template, Ok(Sending::Accepted)), settles(Settlement::Sent, Settled::Settled)];
        script(leased, begins.into_iter().chain(rest).collect(), Ok(Event::MailSent))
    })
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
