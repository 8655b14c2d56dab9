//! The scripts of Activate, one function for each way that it can go.

use auth_core::{
    Activate, Activation, Admission, Answer, Code, CodeSlot, Commit, CommitAccount, Event, Fault,
    HashPassword, Hashed, Hashing, Outcome, RedeemCode, Redemption, Row, Rules, Secret, WhichPassword,
};

use crate::{
    derived,
    fixture::{
        CODE_KEY, HASH, OLD_CODE_KEY, OTHER_HASH, SEED, VACANT, account, activated, active, address, admits,
        at, attempt, client, expired, explicit, found, generation, key, nothing_found, pending, replaces,
        rules, seconds,
    },
    script::{Script, Step, admitted, drawn, finds, hashes, scripts, step},
    sessions::{counts, gives_back, of_address},
};

fn code() -> Code {
    rules().policy().code.parse("314159").expect("the code is valid")
}

fn script(steps: Vec<Step>, disclosed: Activation, event: Event) -> Script<Activate> {
    let flow = Activate { address: address(), code: code(), client: client() };
    Script { name: String::new(), rules: rules(), flow, steps, ended: Ok(Outcome { disclosed, event }) }
}

/// Returns what is disclosed of an account that is active from now on.
pub(super) fn right() -> Activation {
    Activation::Activated(account(at(0)))
}

/// Returns the row of the attempt that most scripts activate, mailed to half a minute ago.
pub(super) fn row() -> Row {
    pending(attempt(1), at(-30), 60)
}

fn redeems(slot: CodeSlot, redemption: Redemption) -> Step {
    let macs = [CODE_KEY, OLD_CODE_KEY].map(|key| derived::mac(key, slot, &code())).to_vec();
    step(RedeemCode { slot, newest: 3, macs }, Ok(redemption))
}

fn commits(version: u64, over: &Row, answer: Answer<CommitAccount>) -> Step {
    let active = activated(over.clone(), at(0));
    step(replaces(&found(version, over), active, None), answer)
}

/// Returns the steps up to the redemption, with the attempt's own password.
fn rightly(row: &Row, redemption: Redemption) -> Vec<Step> {
    let slot = derived::slot(&key(), generation(1));
    let hashed = hashes(attempt(1).password.salt, HASH);
    vec![admitted(), drawn(), finds(found(4, row)), hashed, redeems(slot, redemption)]
}

/// Returns the same effects for when there is nothing to compare: dummy salt, an empty slot.
fn in_vain(found: auth_core::Found) -> Vec<Step> {
    let (dummy, nowhere) = derived::activate(SEED);
    vec![admitted(), drawn(), finds(found), hashes(dummy, HASH), redeems(nowhere, Redemption::Missing)]
}

fn refused(steps: Vec<Step>, event: Event) -> Script<Activate> {
    script(steps, Activation::Refused, event)
}

/// Returns the script of the right password and code, then the given steps.
fn committing(steps: Vec<Step>, disclosed: Activation, event: Event) -> Script<Activate> {
    let steps = rightly(&row(), Redemption::Redeemed).into_iter().chain(steps).collect();
    script(steps, disclosed, event)
}

pub(super) fn right_code() -> Script<Activate> {
    let commit = commits(4, &row(), Ok(Commit::Committed));
    committing(vec![commit], right(), Event::Activated)
}

pub(super) fn repeated() -> Script<Activate> {
    let steps = rightly(&active(1259), Redemption::Redeemed);
    script(steps, Activation::Activated(account(at(-1259))), Event::ActivatedAgain)
}

pub(super) fn repeated_too_late() -> Script<Activate> {
    refused(in_vain(found(4, &active(1260))), Event::AlreadyActive)
}

pub(super) fn code_refused(redemption: Redemption, event: Event) -> Script<Activate> {
    refused(rightly(&row(), redemption), event)
}

pub(super) fn wrong_password(row: &Row, event: Event) -> Script<Activate> {
    let mut steps = in_vain(found(4, row));
    steps[3] = hashes(attempt(1).password.salt, OTHER_HASH);
    refused(steps, event)
}

pub(super) fn unknown_address() -> Script<Activate> {
    refused(in_vain(nothing_found()), Event::NoAccount)
}

pub(super) fn vacant_address() -> Script<Activate> {
    refused(in_vain(found(4, &VACANT)), Event::NoAccount)
}

pub(super) fn expired_attempt() -> Script<Activate> {
    refused(in_vain(found(4, &expired())), Event::NoAccount)
}

/// A stored hash that must not be accepted: its parameters are never ordered, today's are.
pub(super) fn unusable_hash(params: Hashing) -> Script<Activate> {
    let mut weak = attempt(1);
    weak.password.params = params;
    refused(in_vain(found(4, &pending(weak, at(-30), 60))), Event::WrongPassword)
}

/// A stored hash that is accepted although new ones have other parameters.
pub(super) fn earlier_parameters(params: Hashing) -> Script<Activate> {
    let mut earlier = attempt(1);
    earlier.password.params = params;
    let row = pending(earlier, at(-30), 60);
    let mut steps = rightly(&row, Redemption::Redeemed);
    let order = HashPassword { salt: attempt(1).password.salt, params, which: WhichPassword::Given };
    steps[3] = step(order, Ok(Hashed { params, hash: Secret::new(HASH) }));
    steps.push(commits(4, &row, Ok(Commit::Committed)));
    script(steps, right(), Event::Activated)
}

/// The first commit loses to a resend, which leaves the attempt unchanged.
pub(super) fn raced_by_a_resend() -> Script<Activate> {
    let later = pending(attempt(1), at(30), 120);
    let steps = vec![
        commits(4, &row(), Ok(Commit::Conflict)),
        finds(found(5, &later)),
        commits(5, &later, Ok(Commit::Committed)),
    ];
    committing(steps, right(), Event::Activated)
}

/// The first commit loses, and `after` is found instead.
pub(super) fn overtaken(
    answer: Answer<CommitAccount>,
    after: auth_core::Found,
    disclosed: Activation,
    event: Event,
) -> Script<Activate> {
    committing(vec![commits(4, &row(), answer), finds(after)], disclosed, event)
}

/// The commit's reply was lost, and the row shows that nothing happened.
pub(super) fn lost_before_it_happened() -> Script<Activate> {
    let steps = vec![
        commits(4, &row(), Err(Fault::Unknown)),
        finds(found(4, &row())),
        commits(4, &row(), Ok(Commit::Committed)),
    ];
    committing(steps, right(), Event::Activated)
}

/// The commit fails in the given way, each time.
pub(super) fn contended(answer: Answer<CommitAccount>) -> Script<Activate> {
    let mut steps = Vec::new();
    for _ in 0..64 {
        steps.push(commits(4, &row(), answer.clone()));
        steps.push(finds(found(4, &row())));
    }
    committing(steps, Activation::Contended, Event::Contended)
}

pub(super) fn limited(rules: Rules) -> Script<Activate> {
    let retry_after = seconds(17);
    let answer = Ok(Admission::Limited { retry_after });
    let steps = vec![step(admits(), answer)];
    let script = script(steps, Activation::RateLimited { retry_after }, Event::RateLimited);
    Script { rules, ..script }
}

/// Returns what can replace an attempt after its code was redeemed: another attempt, pending or active, or nothing.
pub(super) fn others() -> [auth_core::Found; 3] {
    let newer = pending(attempt(2), at(30), 120);
    [found(5, &newer), found(6, &activated(newer, at(-1))), nothing_found()]
}

/// Returns the same runs with explicit disclosure: only what they disclose differs.
pub(super) fn disclosed() -> Vec<Script<Activate>> {
    let discloses = |script: Script<Activate>, disclosed| {
        let ended = script.ended.map(|outcome| Outcome { disclosed, ..outcome });
        counted(Script { ended, ..script })
    };
    let absent = scripts![unknown_address(), vacant_address(), expired_attempt()];
    let absent = absent.into_iter().map(|script| discloses(script, Activation::NoAccount));
    let active = scripts![repeated(), repeated_too_late(), wrong_password(&active(60), Event::AlreadyActive)];
    let active = active.into_iter().map(|script| discloses(script, Activation::AlreadyActive));
    let wrong = wrong_password(&row(), Event::WrongPassword);
    let superseded = scripts![overtaken_and_disclosed()];
    let rest = scripts![
        discloses(wrong, Activation::WrongPassword),
        discloses(code_refused(Redemption::Missing, Event::CodeExpired), Activation::CodeExpired),
        discloses(code_refused(Redemption::Exhausted, Event::TriesUsedUp), Activation::CodeExpired),
        discloses(code_refused(Redemption::Wrong, Event::WrongCode), Activation::WrongCode),
        discloses(right_code(), right()),
        discloses(contended(Ok(Commit::Conflict)), Activation::Contended),
        limited(explicit()),
        too_many_guesses(),
    ];
    absent.chain(active).chain(superseded).chain(rest).collect()
}

fn overtaken_and_disclosed() -> [Script<Activate>; 3] {
    others().map(|after| {
        counted(overtaken(Ok(Commit::Conflict), after, Activation::WrongPassword, Event::Superseded))
    })
}

/// Returns the same run where refusals differ: the guess is counted before the hash, and given back if it was right.
fn counted(script: Script<Activate>) -> Script<Activate> {
    let mut steps = script.steps;
    let redeemed = steps[4].order();
    steps.insert(3, counts(of_address(), Ok(Admission::Admitted)));
    let nowhere = redeems(derived::activate(SEED).1, Redemption::Missing).order();
    if redeemed != nowhere {
        steps.insert(5, gives_back(of_address()));
    }
    Script { steps, rules: explicit(), ..script }
}

fn too_many_guesses() -> Script<Activate> {
    let retry_after = seconds(17);
    let steps = vec![
        admitted(),
        drawn(),
        finds(found(4, &row())),
        counts(of_address(), Ok(Admission::Limited { retry_after })),
    ];
    let script = script(steps, Activation::RateLimited { retry_after }, Event::TooManyGuesses);
    Script { rules: explicit(), ..script }
}
