//! The scripts of Register, one function for each way that it can go.

use auth_core::{
    Admission, Attempt, Commit, Event, Found, Hashing, MailChange, OwedMail, PasswordRecord, Register,
    Registration, Row, Rules, Salt, Scrypt, Secret, Weakness,
};

use crate::{
    derived,
    fixture::{
        HASH, KEPT, OTHER_HASH, SEED, VACANT, active, address, admits, at, attempt, client, expired,
        explicit, found, good, locale, nothing_found, notice, owed, pending, replaces, rules, rules_with,
        seconds, trying, unsent, verdict,
    },
    script::{Script, Step, admitted, drawn, finds, hashes, scripts, step},
};

fn flow() -> Register {
    Register { address: address(), verdict: good(), client: client(), locale: locale("en") }
}

fn script(rules: Rules, steps: Vec<Step>, disclosed: Registration, event: Event) -> Script<Register> {
    Script {
        name: String::new(),
        rules,
        flow: flow(),
        steps,
        ended: Ok(auth_core::Outcome { disclosed, event }),
    }
}

pub(crate) fn fresh_salt() -> Salt {
    derived::register(SEED).0
}

/// Returns the attempt that the flow makes if there is none, with the given hash.
fn fresh(hash: [u8; 32]) -> Attempt {
    let (salt, generation, _) = derived::register(SEED);
    let password = PasswordRecord { params: Hashing::DEFAULT, salt, hash: Secret::new(hash) };
    Attempt { generation, address: address(), locale: locale("en"), password }
}

fn mail(attempt: &Attempt, due: i64) -> Option<OwedMail> {
    Some(owed(derived::register(SEED).2, attempt, at(due)))
}

pub(crate) fn commits(over: &Found, row: Row, mail: Option<OwedMail>, commit: Commit) -> Step {
    step(replaces(over, row, mail.map(MailChange::Owe)), Ok(commit))
}

/// One round: find, hash under a salt, commit.
struct Round {
    found: Found,
    salt: Salt,
    row: Row,
    mail: Option<OwedMail>,
    event: Event,
}

impl Round {
    /// A new attempt that replaces what was found, due at once.
    fn new(found: Found, event: Event) -> Self {
        let (row, mail) = (pending(fresh(HASH), at(0), 60), mail(&fresh(HASH), 0));
        Self { found, salt: fresh_salt(), row, mail, event }
    }

    /// The pending attempt again, its mail due at `due`.
    fn again(row: &Row, due: i64, interval: u64) -> Self {
        let after = pending(attempt(1), at(due), interval);
        let (salt, mail) = (attempt(1).password.salt, mail(&attempt(1), due));
        Self { found: found(4, row), salt, row: after, mail, event: Event::RegisteredAgain }
    }

    /// An active account: nothing changes but the time of the notice.
    fn taken(row: Row, notified_at: Option<i64>) -> Self {
        let mail = notified_at.map(|_| notice(derived::register(SEED).2, &attempt(1), at(0)));
        let after = Row {
            last_notice: notified_at.map_or(row.last_notice, |seconds| Some(at(seconds))),
            ..row.clone()
        };
        let event = Event::AlreadyActive;
        Self { found: found(4, &row), salt: fresh_salt(), row: after, mail, event }
    }

    fn steps(&self) -> [Step; 3] {
        let commit = commits(&self.found, self.row.clone(), self.mail.clone(), Commit::Committed);
        [finds(self.found.clone()), hashes(self.salt, HASH), commit]
    }
}

fn one(round: Round) -> Script<Register> {
    let steps = [admitted(), drawn()].into_iter().chain(round.steps()).collect();
    script(rules(), steps, Registration::Accepted, round.event)
}

pub(super) fn new_address() -> Script<Register> {
    one(Round::new(nothing_found(), Event::Registered))
}

pub(super) fn vacant_address() -> Script<Register> {
    let vacant = Row { expires: Some(at(3600)), ..VACANT };
    one(Round::new(found(2, &vacant), Event::Registered))
}

pub(super) fn expired_attempt() -> Script<Register> {
    one(Round::new(found(4, &expired()), Event::Registered))
}

pub(super) fn attempt_of_nearly_a_day_ago() -> Script<Register> {
    one(Round::again(&pending(attempt(1), at(-86_399), 60), 0, 120))
}

pub(super) fn same_password_after_the_interval() -> Script<Register> {
    one(Round::again(&pending(attempt(1), at(-100), 60), 0, 120))
}

pub(super) fn same_password_within_the_interval() -> Script<Register> {
    one(Round::again(&pending(attempt(1), at(-10), 60), 50, 120))
}

pub(super) fn same_password_while_a_mail_waits() -> Script<Register> {
    one(Round::again(&pending(attempt(1), at(50), 120), 50, 120))
}

/// The mail was due 10 s ago and nobody has begun to send it: replacing it would gain nothing.
pub(super) fn same_password_while_a_mail_is_late() -> Script<Register> {
    as_it_is(unsent(pending(attempt(1), at(-10), 60)), -10)
}

/// The mail was deferred and is retried before another one could leave.
pub(super) fn same_password_while_a_mail_is_tried_again_soon() -> Script<Register> {
    as_it_is(pending(attempt(1), at(-10), 60), 50)
}

fn as_it_is(row: Row, tried: i64) -> Script<Register> {
    let mut round = Round::again(&row, 0, 0);
    round.found = trying(round.found, at(tried));
    (round.row, round.mail) = (Row { expires: Some(at(0).after(KEPT)), ..row }, None);
    one(round)
}

/// The mail was deferred and its backoff is longer than the interval: another one leaves earlier.
pub(super) fn same_password_while_a_mail_backs_off() -> Script<Register> {
    let mut round = Round::again(&pending(attempt(1), at(-10), 60), 50, 120);
    round.found = trying(round.found, at(51));
    one(round)
}

/// The mail was tried so long ago that the interval allows another one, with fresh tries.
pub(super) fn same_password_while_a_mail_is_very_late() -> Script<Register> {
    let mut round = Round::again(&pending(attempt(1), at(-60), 60), 0, 120);
    round.found = trying(round.found, at(0));
    one(round)
}

pub(super) fn another_password() -> Script<Register> {
    replacing(found(4, &pending(attempt(1), at(-10), 60)), 50, 120)
}

/// Nobody has begun to send the mail of the earlier attempt: that of the new one replaces it and leaves at once.
pub(super) fn another_password_while_a_mail_is_late() -> Script<Register> {
    replacing(trying(found(4, &unsent(pending(attempt(1), at(-10), 60))), at(-10)), 0, 60)
}

/// The mail of the earlier attempt may have left, but is not about the new one.
pub(super) fn another_password_while_a_mail_is_tried_again() -> Script<Register> {
    replacing(trying(found(4, &pending(attempt(1), at(-10), 60)), at(5)), 50, 120)
}

fn replacing(found: Found, due: i64, interval: u64) -> Script<Register> {
    let mut round = Round::new(found, Event::AttemptReplaced);
    let replaced = fresh_under(attempt(1).password.salt, OTHER_HASH);
    round.mail = mail(&replaced, due);
    round.row = pending(replaced, at(due), interval);
    let commit = commits(&round.found, round.row, round.mail, Commit::Committed);
    let hashed = hashes(attempt(1).password.salt, OTHER_HASH);
    let steps = vec![admitted(), drawn(), finds(round.found), hashed, commit];
    script(rules(), steps, Registration::Accepted, Event::AttemptReplaced)
}

fn fresh_under(salt: Salt, hash: [u8; 32]) -> Attempt {
    let attempt = fresh(hash);
    Attempt { password: PasswordRecord { salt, ..attempt.password }, ..attempt }
}

pub(super) fn attempt_hashed_otherwise() -> Script<Register> {
    let mut weaker = attempt(1);
    weaker.password.params = Scrypt { log2_n: 16, r: 8, p: 2 }.into();
    let mut round = Round::new(found(4, &pending(weaker, at(-10), 60)), Event::AttemptReplaced);
    round.row = pending(fresh(HASH), at(50), 120);
    round.mail = mail(&fresh(HASH), 50);
    one(round)
}

pub(super) fn active_account() -> Script<Register> {
    one(Round::taken(active(300_000), Some(0)))
}

pub(super) fn active_account_told_today() -> Script<Register> {
    one(Round::taken(Row { last_notice: Some(at(-86_399)), ..active(300_000) }, None))
}

pub(super) fn active_account_told_yesterday() -> Script<Register> {
    one(Round::taken(Row { last_notice: Some(at(-86_400)), ..active(300_000) }, Some(0)))
}

/// The first round loses to somebody who registered with the given hash.
fn raced(theirs: [u8; 32], second: Round) -> Script<Register> {
    let mut other = attempt(9);
    other.password.hash = Secret::new(theirs);
    let nothing = nothing_found();
    let lost = commits(&nothing, pending(fresh(HASH), at(0), 60), mail(&fresh(HASH), 0), Commit::Conflict);
    let mut steps = vec![admitted(), drawn(), finds(nothing), hashes(fresh_salt(), HASH), lost];
    let theirs = found(1, &pending(other.clone(), at(0), 60));
    let won = commits(&theirs, second.row, second.mail, Commit::Committed);
    steps.extend([finds(theirs), hashes(other.password.salt, HASH), won]);
    script(rules(), steps, Registration::Accepted, second.event)
}

pub(super) fn raced_by_another_password() -> Script<Register> {
    let ours = fresh_under(attempt(9).password.salt, HASH);
    let mut round = Round::new(nothing_found(), Event::AttemptReplaced);
    round.mail = mail(&ours, 0);
    round.row = pending(ours, at(0), 60);
    raced(OTHER_HASH, round)
}

pub(super) fn raced_by_the_same_password() -> Script<Register> {
    let mut round = Round::new(nothing_found(), Event::RegisteredAgain);
    round.mail = mail(&attempt(9), 0);
    round.row = pending(attempt(9), at(0), 60);
    raced(HASH, round)
}

pub(super) fn contended() -> Script<Register> {
    let mut steps = vec![admitted(), drawn()];
    for n in 1..=64 {
        // Somebody else replaces the attempt each time, so each round finds another salt. Three of them are hashed
        // with.
        let salt = attempt(n.min(3)).password.salt;
        let theirs = found(n.into(), &pending(attempt(n), at(50), 120));
        let ours = fresh_under(salt, OTHER_HASH);
        let owed = mail(&ours, 50);
        let lost = commits(&theirs, pending(ours, at(50), 120), owed, Commit::Conflict);
        steps.push(finds(theirs));
        steps.extend((n <= 3).then(|| hashes(salt, OTHER_HASH)));
        steps.push(lost);
    }
    script(rules(), steps, Registration::Contended, Event::Contended)
}

pub(super) fn limited(rules: Rules) -> Script<Register> {
    let retry_after = seconds(17);
    let answer = Ok(Admission::Limited { retry_after });
    let steps = vec![step(admits(), answer)];
    let disclosed = Registration::RateLimited { retry_after };
    // The client's rate limit comes before the password's strength.
    let flow = Register { verdict: verdict(true, 4), ..flow() };
    Script { flow, ..script(rules, steps, disclosed, Event::RateLimited) }
}

pub(super) fn weak(rules: Rules) -> Script<Register> {
    let weakness = Weakness::Guessable { score: 2, min_score: 3 };
    let flow = Register { verdict: verdict(false, 2), ..flow() };
    let disclosed = Registration::WeakPassword(weakness);
    Script { flow, ..script(rules, vec![admitted()], disclosed, Event::WeakPassword) }
}

pub(super) fn without_limit() -> Script<Register> {
    let script = new_address();
    let rules = rules_with(|policy| policy.client_requests_per_minute = None);
    Script { rules, steps: script.steps[1..].to_vec(), ..script }
}

/// Returns the same runs with explicit disclosure: only what they disclose differs.
pub(super) fn disclosed() -> Vec<Script<Register>> {
    let pending = scripts![
        new_address(),
        vacant_address(),
        expired_attempt(),
        another_password(),
        raced_by_another_password(),
    ];
    let pending = pending.into_iter().map(|script| (script, Registration::Pending));
    let again = scripts![same_password_after_the_interval(), same_password_within_the_interval()];
    let again = again.into_iter().map(|script| (script, Registration::Pending));
    let taken = scripts![active_account(), active_account_told_today()];
    let taken = taken.into_iter().map(|script| (script, Registration::EmailTaken));
    let discloses = |(script, disclosed): (Script<Register>, Registration)| {
        let ended = script.ended.map(|outcome| auth_core::Outcome { disclosed, ..outcome });
        Script { rules: explicit(), ended, ..script }
    };
    pending
        .chain(again)
        .chain(taken)
        .map(discloses)
        .chain(scripts![limited(explicit()), weak(explicit())])
        .collect()
}
