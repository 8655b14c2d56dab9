//! One run of each flow, spelled out: its input, every effect with its answer, its outcome. Read this file first.
//!
//! The other scripts are put together from parts: `register/scripts.rs` and so on.

use auth_core::{
    Account, AccountId, Activate, Activation, Admission, Attempt, Change, CodeStored, Commit, CommitAccount,
    Deliver, Event, FindAccount, Found, HashPassword, Hashed, LastMail, Lease, LeaseToken, LeasedMail,
    MailChange, Outcome, OwedMail, PasswordRecord, Purpose, PutCode, Random, RedeemCode, Redemption,
    Register, Registration, Resend, Resending, Row, Secret, Seed, SendMail, Sending, SettleMail, Settled,
    Settlement, Status, Template, Version, WaitingMail, WaitingState, WhichPassword,
};

use crate::{
    derived,
    fixture::{
        CODE_KEY, HASH, OLD_CODE_KEY, SEED, address, admits, at, client, good, key, locale, rules, scrypt,
        seconds,
    },
    script::{Script, step},
};

/// An attempt whose salt, generation and mail were drawn from `SEED`.
fn attempt() -> Attempt {
    let (salt, generation, _) = derived::register(SEED);
    let password = PasswordRecord { params: scrypt(17), salt, hash: Secret::new(HASH) };
    Attempt { generation, address: address(), locale: locale("en"), password }
}

/// The id of the account that the attempt becomes.
fn id() -> AccountId {
    AccountId::from_bytes(*derived::register(SEED).1.as_bytes())
}

/// The account as answers tell it.
fn account() -> Account {
    Account { id: id(), address: address(), since: at(0) }
}

/// A pending row: its mail was due at a time, with an interval in seconds to the next one.
fn pending(due: i64, interval: u64, left: bool) -> Row {
    Row {
        status: Status::Pending(attempt()),
        last_mail: Some(LastMail { due: at(due), interval: seconds(interval), left }),
        last_notice: None,
        expires: Some(at(due + 86_400)),
    }
}

fn mail(due: i64) -> OwedMail {
    let (_, generation, id) = derived::register(SEED);
    OwedMail {
        id,
        purpose: Purpose::Activation,
        generation,
        locale: locale("en"),
        first_due: at(due),
        to: None,
    }
}

#[test]
fn register_makes_a_new_address_pending_and_owes_it_a_mail() {
    Script {
        name: String::new(),
        rules: rules(),
        flow: Register { address: address(), verdict: good(), client: client(), locale: locale("en") },
        steps: vec![
            step(admits(), Ok(Admission::Admitted)),
            step(Random, Ok(Seed(Secret::new(SEED)))),
            step(FindAccount { key: key() }, Ok(Found { now: at(0), row: None, waiting: vec![] })),
            step(
                HashPassword {
                    salt: derived::register(SEED).0,
                    params: scrypt(17),
                    which: WhichPassword::Given,
                },
                Ok(Hashed { params: scrypt(17), hash: Secret::new(HASH) }),
            ),
            step(
                CommitAccount::from(Change {
                    key: key(),
                    expected: Version(0),
                    generation: None,
                    waiting: vec![],
                    until: at(600),
                    row: pending(0, 60, false),
                    mails: vec![MailChange::Owe(mail(0))],
                }),
                Ok(Commit::Committed),
            ),
        ],
        ended: Ok(Outcome { disclosed: Registration::Accepted, event: Event::Registered }),
    }
    .play();
}

#[test]
fn deliver_begins_a_mail_puts_its_code_sends_it_and_settles() {
    let token = LeaseToken::from_bytes([5; 16]);
    let (lease, slot) = (Lease { mail: mail(-1).id, token }, derived::slot(&key(), attempt().generation));
    let code = derived::code(CODE_KEY, slot, mail(-1).id, rules().policy().code);
    let (purpose, generation) = (Purpose::Activation, attempt().generation);
    let held = WaitingMail { id: lease.mail, purpose, generation, state: WaitingState::Held { token } };
    let put = PutCode {
        slot,
        mail: lease.mail,
        mails: 32,
        lease: token,
        ends: false,
        mac: derived::mac(CODE_KEY, slot, &code),
        lifetime: seconds(600 + 660), // the code's lifetime, and the longest that sending may take
        tries: 5,
        newest: 3,
        retention: seconds(86_400 + 600 + 660),
    };
    Script {
        name: String::new(),
        rules: rules(),
        flow: Deliver { leased: LeasedMail { lease, key: key(), mail: mail(-1), attempts: 1, unknowns: 0 } },
        steps: vec![
            step(
                FindAccount { key: key() },
                Ok(Found {
                    now: at(0),
                    row: Some((Version(1), pending(-1, 60, false))),
                    waiting: vec![held],
                }),
            ),
            step(
                CommitAccount::from(Change {
                    key: key(),
                    expected: Version(1),
                    generation: Some(attempt().generation),
                    waiting: vec![held],
                    until: at(600),
                    row: pending(0, 60, true),
                    mails: vec![MailChange::Begin { mail: lease.mail, unknowns: 1 }],
                }),
                Ok(Commit::Committed),
            ),
            step(put.clone(), Ok(CodeStored)),
            step(
                SendMail {
                    id: lease.mail,
                    to: address().recipient(),
                    locale: locale("en"),
                    template: Template::Activation { code, ttl: seconds(600), tries: 5 },
                },
                Ok(Sending::Accepted),
            ),
            step(PutCode { lifetime: seconds(600), ends: true, ..put }, Ok(CodeStored)),
            step(SettleMail { lease, settlement: Settlement::Sent }, Ok(Settled::Settled)),
        ],
        ended: Ok(Event::MailSent),
    }
    .play();
}

#[test]
fn activate_makes_a_pending_account_active() {
    let slot = derived::slot(&key(), attempt().generation);
    let code = derived::code(CODE_KEY, slot, mail(-1).id, rules().policy().code);
    Script {
        name: String::new(),
        rules: rules(),
        flow: Activate { address: address(), code: code.clone(), client: client() },
        steps: vec![
            step(admits(), Ok(Admission::Admitted)),
            step(Random, Ok(Seed(Secret::new(SEED)))),
            step(
                FindAccount { key: key() },
                Ok(Found { now: at(0), row: Some((Version(2), pending(-30, 60, true))), waiting: vec![] }),
            ),
            step(
                HashPassword {
                    salt: attempt().password.salt,
                    params: scrypt(17),
                    which: WhichPassword::Given,
                },
                Ok(Hashed { params: scrypt(17), hash: Secret::new(HASH) }),
            ),
            step(
                RedeemCode {
                    slot,
                    newest: 3,
                    macs: vec![derived::mac(CODE_KEY, slot, &code), derived::mac(OLD_CODE_KEY, slot, &code)],
                },
                Ok(Redemption::Redeemed),
            ),
            step(
                CommitAccount::from(Change {
                    key: key(),
                    expected: Version(2),
                    generation: Some(attempt().generation),
                    waiting: vec![],
                    until: at(600),
                    row: Row {
                        status: Status::Active {
                            attempt: attempt(),
                            id: id(),
                            since: at(0),
                            blocked: false,
                            moving: None,
                        },
                        expires: None,
                        ..pending(-30, 60, true)
                    },
                    mails: vec![],
                }),
                Ok(Commit::Committed),
            ),
        ],
        ended: Ok(Outcome { disclosed: Activation::Activated(account()), event: Event::Activated }),
    }
    .play();
}

#[test]
fn resend_owes_a_pending_account_another_mail_once_the_interval_is_over() {
    let id = derived::resend(SEED);
    Script {
        name: String::new(),
        rules: rules(),
        flow: Resend { address: address(), client: client() },
        steps: vec![
            step(admits(), Ok(Admission::Admitted)),
            step(Random, Ok(Seed(Secret::new(SEED)))),
            step(
                FindAccount { key: key() },
                Ok(Found { now: at(0), row: Some((Version(2), pending(-100, 60, true))), waiting: vec![] }),
            ),
            step(
                CommitAccount::from(Change {
                    key: key(),
                    expected: Version(2),
                    generation: Some(attempt().generation),
                    waiting: vec![],
                    until: at(600),
                    row: pending(0, 120, false),
                    mails: vec![MailChange::Owe(OwedMail { id, ..mail(0) })],
                }),
                Ok(Commit::Committed),
            ),
        ],
        ended: Ok(Outcome { disclosed: Resending::Accepted, event: Event::MailAskedFor }),
    }
    .play();
}
