//! The scripts of Login, one function for each way that it can go.

use auth_core::{
    Admission, Broken, Commit, DeviceToken, Event, Fault, Found, HashPassword, Hashed, Hashing, Kind,
    LoggingIn, Login, PasswordRecord, Secret, SessionStored, Status, Subject, SubjectKind, UserAgent,
    WhichPassword,
};

use super::scripts::*;
use crate::{
    derived,
    fixture::{
        CODE_KEY, HASH, OTHER_HASH, SEED, VACANT, address, admits, at, attempt, client, expired, explicit,
        found, generation, nothing_found, pending, replaces, rules, scrypt, seconds,
    },
    script::{Script, Step, admitted, drawn, finds, hashes, step},
};

fn login(device: Option<DeviceToken>) -> Login {
    Login { address: address(), client: client(), device, agent: UserAgent::new("curl/8") }
}

fn logged_in() -> LoggingIn {
    let drawn = derived::session(SEED, "login");
    let (device, _) = drawn.device(CODE_KEY, id().as_bytes(), generation(1));
    LoggingIn::LoggedIn {
        token: token(&drawn.token),
        expires_in: WHOLE,
        device: self::device(&device),
        account: account(),
    }
}

/// Returns the steps of a login with the right password, whose guess is counted against `subject`.
fn rightly(subject: Subject) -> Vec<Step> {
    let opened = derived::session(SEED, "login");
    vec![
        admitted(),
        drawn(),
        finds(found(4, &row())),
        counts(subject, Ok(Admission::Admitted)),
        hashes(attempt(1).password.salt, HASH),
        gives_back(subject),
        opens(&opened.token, session(opened.id, at(0)), None, Ok(SessionStored::Done)),
    ]
}

pub(super) fn right_password() -> Script<Login> {
    script(login(None), rightly(of_address()), logged_in(), Event::LoggedIn)
}

/// The owner's browser has a token of an earlier login, under an earlier seed.
pub(super) fn known_device() -> Script<Login> {
    let (token, octets) = derived::session([9; 32], "login").device(CODE_KEY, id().as_bytes(), generation(1));
    let subject = derived::subject(CODE_KEY, SubjectKind::Device, &octets);
    script(login(Some(device(&token))), rightly(subject), logged_in(), Event::LoggedIn)
}

/// Tokens of another account, another generation, another key, and what is no token: they count as none.
pub(super) fn foreign_device() -> [Script<Login>; 4] {
    let drawn = || derived::session([9; 32], "login");
    let tokens = [
        drawn().device(CODE_KEY, &[2; 16], generation(1)).0,
        drawn().device(CODE_KEY, id().as_bytes(), generation(2)).0,
        drawn().device([0x33; 32], id().as_bytes(), generation(1)).0,
        "authd_".to_owned(),
    ];
    tokens
        .map(|token| script(login(Some(device(&token))), rightly(of_address()), logged_in(), Event::LoggedIn))
}

/// A hash of parameters that are accepted and no longer made is replaced; whether that succeeds changes nothing.
pub(super) fn earlier_parameters() -> Vec<Script<Login>> {
    replaced(Hashing::Scrypt(auth_core::Scrypt { log2_n: 16, r: 8, p: 2 }))
}

/// A hash of another function is replaced, too.
pub(super) fn earlier_function() -> Script<Login> {
    replaced(Hashing::Argon2id(auth_core::Argon2::OWASP)).swap_remove(0)
}

fn replaced(earlier: Hashing) -> Vec<Script<Login>> {
    let with = |password: PasswordRecord| {
        let mut row = row();
        if let Status::Active { attempt, .. } = &mut row.status {
            attempt.password = password;
        }
        row
    };
    let before = with(PasswordRecord { params: earlier, ..attempt(1).password });
    let salt = derived::session(SEED, "login").salt();
    let hash = || Secret::new(OTHER_HASH);
    let after = with(PasswordRecord { params: scrypt(17), salt, hash: hash() });
    let mut steps = rightly(of_address());
    steps[2] = finds(found(4, &before));
    let order = HashPassword { salt: attempt(1).password.salt, params: earlier, which: WhichPassword::Given };
    steps[4] = step(order, Ok(Hashed { params: earlier, hash: Secret::new(HASH) }));
    let order = HashPassword { salt, params: scrypt(17), which: WhichPassword::Given };
    steps.push(step(order, Ok(Hashed { params: scrypt(17), hash: hash() })));
    [Ok(Commit::Committed), Ok(Commit::Conflict), Err(Fault::NotDone), Err(Fault::Unknown)]
        .map(|answer| {
            let commit = step(replaces(&found(4, &before), after.clone(), None), answer);
            let steps = steps.iter().cloned().chain([commit]).collect();
            script(login(None), steps, logged_in(), Event::LoggedIn)
        })
        .into()
}

/// The account was deleted, blocked or renewed in the meantime.
pub(super) fn opened_too_late() -> Script<Login> {
    let opened = derived::session(SEED, "login");
    let mut steps = rightly(of_address());
    steps[6] = opens(&opened.token, session(opened.id, at(0)), None, Ok(SessionStored::Gone));
    script(login(None), steps, LoggingIn::Refused, Event::Superseded)
}

pub(super) fn try_not_given_back() -> Script<Login> {
    let mut steps = rightly(of_address());
    steps[5] = steps[5].failing(Fault::Unknown);
    script(login(None), steps, logged_in(), Event::LoggedIn)
}

/// What was not compared costs no try, whether or not that can be taken back.
pub(super) fn not_hashed() -> Vec<Script<Login>> {
    let ends = |fault, given_back: Step| {
        let mut steps = in_vain(found(4, &row()), hashes(attempt(1).password.salt, HASH).failing(fault));
        steps.push(given_back);
        let ended = Err(Broken { kind: Kind::HashPassword, fault });
        Script { name: String::new(), rules: rules(), flow: login(None), steps, ended }
    };
    let back = || gives_back(of_address());
    vec![
        ends(Fault::NotDone, back()),
        ends(Fault::Unknown, back()),
        ends(Fault::NotDone, back().failing(Fault::NotDone)),
    ]
}

/// It is unknown whether the session is open, so it is opened once more.
pub(super) fn opened_twice() -> [Script<Login>; 2] {
    [Ok(()), Err(Fault::NotDone)].map(|again| {
        let mut steps = rightly(of_address());
        let opened = steps[6].clone();
        steps[6] = opened.failing(Fault::Unknown);
        match again {
            Ok(()) => {
                steps.push(opened);
                script(login(None), steps, logged_in(), Event::LoggedIn)
            }
            Err(fault) => {
                steps.push(opened.failing(fault));
                let ended = Err(Broken { kind: Kind::PutSession, fault });
                Script { name: String::new(), rules: rules(), flow: login(None), steps, ended }
            }
        }
    })
}

/// Returns the steps of a login that is refused, with what is hashed.
fn in_vain(found: Found, hashed: Step) -> Vec<Step> {
    vec![admitted(), drawn(), finds(found), counts(of_address(), Ok(Admission::Admitted)), hashed]
}

/// Every refusal: what is found and hashed, and the event.
fn refusals() -> Vec<(&'static str, Vec<Step>, Event)> {
    let dummy = || hashes(derived::session(SEED, "login").dummy, HASH);
    let own = |hash| hashes(attempt(1).password.salt, hash);
    let pending = || pending(attempt(1), at(-30), 60);
    let mut weak = row();
    if let Status::Active { attempt, .. } = &mut weak.status {
        attempt.password.params = scrypt(12);
    }
    vec![
        ("absent", in_vain(nothing_found(), dummy()), Event::NoAccount),
        ("vacant", in_vain(found(4, &VACANT), dummy()), Event::NoAccount),
        ("expired", in_vain(found(4, &expired()), dummy()), Event::NoAccount),
        ("wrong", in_vain(found(4, &row()), own(OTHER_HASH)), Event::WrongPassword),
        ("weak", in_vain(found(4, &weak), dummy()), Event::WrongPassword),
        ("pending_wrong", in_vain(found(4, &pending()), own(OTHER_HASH)), Event::WrongPassword),
        ("pending", in_vain(found(4, &pending()), own(HASH)), Event::NotActivated),
        ("blocked_wrong", in_vain(found(4, &blocked()), own(OTHER_HASH)), Event::WrongPassword),
        ("blocked", in_vain(found(4, &blocked()), own(HASH)), Event::Blocked),
    ]
}

pub(super) fn logins_refused() -> Vec<Script<Login>> {
    let refused = refusals().into_iter().map(|(name, steps, event)| Script {
        name: name.to_owned(),
        ..script(login(None), steps, LoggingIn::Refused, event)
    });
    refused.collect()
}

pub(super) fn logins_disclosed() -> Vec<Script<Login>> {
    let disclosed = refusals().into_iter().map(|(name, steps, event)| {
        let told = [
            (Event::NoAccount, LoggingIn::NoAccount),
            (Event::WrongPassword, LoggingIn::WrongPassword),
            (Event::NotActivated, LoggingIn::NotActivated),
            (Event::Blocked, LoggingIn::Blocked),
        ];
        let disclosed = told.into_iter().find(|(told, _)| *told == event).expect("it is a refusal").1;
        Script { name: name.to_owned(), rules: explicit(), ..script(login(None), steps, disclosed, event) }
    });
    disclosed.collect()
}

pub(super) fn login_limited() -> Script<Login> {
    let disclosed = LoggingIn::RateLimited { retry_after: seconds(17) };
    script(login(None), vec![step(admits(), limited())], disclosed, Event::RateLimited)
}

/// The budget is used up, whatever is known of the address.
pub(super) fn too_many_guesses() -> [Script<Login>; 2] {
    [nothing_found(), found(4, &row())].map(|found| {
        let steps = vec![admitted(), drawn(), finds(found), counts(of_address(), limited())];
        let disclosed = LoggingIn::RateLimited { retry_after: seconds(17) };
        script(login(None), steps, disclosed, Event::TooManyGuesses)
    })
}
