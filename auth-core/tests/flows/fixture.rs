//! The values of the scripts: one address, one client, rows in every state.

use std::time::Duration;

use auth_core::{
    Account, AccountId, Address, AddressKey, Admit, Alphabet, Attempt, Change, Client, CodeFormat, CodeKey,
    CodeKeys, CommitAccount, Disclosure, Estimate, Found, Generation, HashFloor, Hashing, LastMail, Locale,
    MailChange, MailId, OddsLimit, OwedMail, Password, PasswordPolicy, PasswordRecord, Policy, Purpose, Rate,
    Row, Rules, Salt, Scrypt, Secret, Status, SubjectKind, Time, Verdict, Version, WaitingMail, WaitingState,
};

use crate::derived;

/// The seed that the host draws in scripts.
pub(crate) const SEED: [u8; 32] = [7; 32];
/// The key that codes are signed with.
pub(crate) const CODE_KEY: [u8; 32] = [0x11; 32];
/// An earlier key, which still verifies.
pub(crate) const OLD_CODE_KEY: [u8; 32] = [0x22; 32];
/// The hashes of two passwords.
pub(crate) const HASH: [u8; 32] = [0xa1; 32];
pub(crate) const OTHER_HASH: [u8; 32] = [0xb2; 32];

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
/// How long a pending row is kept after its mail was due.
pub(crate) const KEPT: Duration = DAY;
/// How old a decision may be when it is committed.
pub(crate) const DECISION: Duration = Duration::from_secs(600);
/// How long a code lives after its mail was accepted, with the default policy.
pub(crate) const TTL: Duration = Duration::from_secs(600);

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns a time in seconds before or after the scripts' `now`.
pub(crate) fn at(offset: i64) -> Time {
    const NOW: u64 = 1_700_000_000;
    let seconds = NOW.checked_add_signed(offset).expect("scripts stay near now");
    Time::from_micros(seconds * 1_000_000)
}

pub(crate) fn rules() -> Rules {
    rules_with(|_| {})
}

pub(crate) fn explicit() -> Rules {
    rules_with(|policy| policy.disclosure = Disclosure::Explicit)
}

/// Returns the policy of the scripts, value by value: a changed default changes none of them.
fn policy() -> Policy {
    Policy {
        disclosure: Disclosure::Hidden,
        code: CodeFormat::new(Alphabet::Digits, 6).expect("the format is valid"),
        code_ttl: TTL,
        code_tries: 5,
        odds: OddsLimit::Standard,
        resend_after: seconds(60),
        resend_after_max: seconds(7200),
        hash: scrypt(17),
        hash_floor: HashFloor::OWASP,
        password: PasswordPolicy { min_length: 8, min_score: 3, refuse_common: true },
        client_requests_per_minute: 60.try_into().ok(),
        mail_give_up: DAY,
        reset_ttl: seconds(10_800),
        session: DAY * 30,
        session_idle: DAY * 14,
        session_fresh: seconds(900),
    }
}

/// Returns the policy's verdict on a password with this estimate.
pub(crate) fn verdict(common: bool, score: u8) -> Verdict {
    let password = Password::parse("correct horse battery").expect("the password is valid");
    policy().password.judge(&password, Estimate { score, common })
}

/// Returns the verdict on a good password.
pub(crate) fn good() -> Verdict {
    verdict(false, 4)
}

pub(crate) fn rules_with(change: impl FnOnce(&mut Policy)) -> Rules {
    let mut policy = policy();
    change(&mut policy);
    Rules::new(policy, keys(&[CODE_KEY, OLD_CODE_KEY])).expect("the policy is valid")
}

pub(crate) fn keys(keys: &[[u8; 32]]) -> CodeKeys {
    CodeKeys::new(keys.iter().map(|key| CodeKey::new(Secret::new(*key)))).expect("the keys differ")
}

/// Returns the address as the visitor of a script types it.
pub(crate) fn address() -> Address {
    Address::parse("Ada@Example.org").expect("the address is valid")
}

/// Returns the same address as an earlier attempt spelled it.
pub(crate) fn stored_address() -> Address {
    Address::parse("ADA@example.ORG").expect("the address is valid")
}

pub(crate) fn key() -> AddressKey {
    address().key().clone()
}

pub(crate) fn client() -> Client {
    Client::of([192, 0, 2, 7].into())
}

/// Returns the order that counts a request of the client.
pub(crate) fn admits() -> Admit {
    let subject = derived::subject(CODE_KEY, SubjectKind::Client, &[192, 0, 2, 7]);
    Admit { subject, rate: rate(), give_back: false }
}

pub(crate) fn rate() -> Rate {
    Rate { requests: 60.try_into().expect("60 is not 0"), period: seconds(60) }
}

pub(crate) fn locale(tag: &str) -> Locale {
    Locale::parse(tag).expect("the language tag is valid")
}

pub(crate) const fn generation(n: u8) -> Generation {
    Generation::from_bytes([n; 16])
}

pub(crate) const fn mail_id(n: u8) -> MailId {
    MailId::from_bytes([n; 16])
}

pub(crate) fn record(salt: u8, hash: [u8; 32]) -> PasswordRecord {
    let salt = Salt::from_bytes([salt; 16]);
    PasswordRecord { params: scrypt(17), salt, hash: Secret::new(hash) }
}

/// Returns scrypt with another N.
pub(crate) fn scrypt(log2_n: u8) -> Hashing {
    Scrypt { log2_n, r: 8, p: 1 }.into()
}

/// Returns a stored attempt: other spelling, other language, `n` as its salt.
pub(crate) fn attempt(n: u8) -> Attempt {
    Attempt {
        generation: generation(n),
        address: stored_address(),
        locale: locale("fr"),
        password: record(n, HASH),
    }
}

/// Returns the last mail: it left at `due`, before now.
pub(crate) fn last(due: Time, interval: u64) -> Option<LastMail> {
    Some(LastMail { due, interval: seconds(interval), left: due < at(0) })
}

/// Returns the row before anybody began to send its last mail.
pub(crate) fn unsent(row: Row) -> Row {
    Row { last_mail: row.last_mail.map(|last| LastMail { left: false, ..last }), ..row }
}

/// Returns the row once its last mail is being sent.
pub(crate) fn sent(row: Row, now: Time) -> Row {
    Row { last_mail: row.last_mail.map(|last| LastMail { due: now, left: true, ..last }), ..row }
}

/// Returns a pending row as a commit would have left it.
pub(crate) fn pending(attempt: Attempt, due: Time, interval: u64) -> Row {
    Row {
        status: Status::Pending(attempt),
        last_mail: last(due, interval),
        last_notice: None,
        expires: Some(due.after(KEPT)),
    }
}

/// Returns a pending row that expires at this moment.
pub(crate) fn expired() -> Row {
    let kept = i64::try_from(KEPT.as_secs()).expect("the time is small");
    pending(attempt(1), at(-kept), 60)
}

/// Returns the row after the activation of its attempt.
pub(crate) fn activated(row: Row, since: Time) -> Row {
    let Status::Pending(attempt) = row.status else { panic!("only a pending row is activated") };
    let id = AccountId::from_bytes(*attempt.generation.as_bytes());
    let status = Status::Active { attempt, id, since, blocked: false, moving: None };
    Row { status, expires: None, ..row }
}

/// Returns an account that became active so many seconds ago.
pub(crate) fn active(seconds_ago: i64) -> Row {
    activated(pending(attempt(1), at(-seconds_ago - 30), 60), at(-seconds_ago))
}

/// Returns how answers tell the account of the scripts, active since a time.
pub(crate) fn account(since: Time) -> Account {
    Account { id: AccountId::from_bytes([1; 16]), address: stored_address(), since }
}

pub(crate) const VACANT: Row =
    Row { status: Status::Vacant, last_mail: None, last_notice: None, expires: None };

pub(crate) fn found(version: u64, row: &Row) -> Found {
    Found { now: at(0), row: Some((Version(version), row.clone())), waiting: Vec::new() }
}

pub(crate) fn nothing_found() -> Found {
    Found { now: at(0), row: None, waiting: Vec::new() }
}

/// Adds a mail to the outbox.
pub(crate) fn with_mail(found: Found, mail: &OwedMail, state: WaitingState) -> Found {
    let (id, purpose, generation) = (mail.id, mail.purpose, mail.generation);
    Found { waiting: vec![WaitingMail { id, purpose, generation, state }], ..found }
}

/// Adds an activation mail of the first attempt that is tried at `next`.
pub(crate) fn trying(found: Found, next: Time) -> Found {
    with_mail(found, &owed(mail_id(8), &attempt(1), next), WaitingState::Free { next })
}

/// Returns the order that replaces what was found with `row`.
pub(crate) fn replaces(found: &Found, row: Row, mail: Option<MailChange>) -> CommitAccount {
    let (expected, generation) = match &found.row {
        None => (Version(0), None),
        Some((version, Row { status: Status::Vacant, .. })) => (*version, None),
        Some((version, Row { status: Status::Pending(attempt) | Status::Active { attempt, .. }, .. })) => {
            (*version, Some(attempt.generation))
        }
    };
    let (waiting, until) = (found.waiting.clone(), found.now.after(DECISION));
    let mails = mail.into_iter().collect();
    Change { key: key(), expected, generation, waiting, until, row, mails }.into()
}

/// Returns the activation mail that an attempt is owed.
pub(crate) fn owed(id: MailId, attempt: &Attempt, due: Time) -> OwedMail {
    let (generation, locale) = (attempt.generation, attempt.locale.clone());
    OwedMail { id, purpose: Purpose::Activation, generation, locale, first_due: due, to: None }
}

/// Returns the notice that the owner of an account is owed.
pub(crate) fn notice(id: MailId, attempt: &Attempt, due: Time) -> OwedMail {
    OwedMail { purpose: Purpose::Notice, ..owed(id, attempt, due) }
}
