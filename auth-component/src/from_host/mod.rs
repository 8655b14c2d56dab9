//! Values from a host: they become the core's, or a refusal that names the field. Policies and inputs are here.

mod answer;
mod stored;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{mem::take, num::NonZeroU32, time::Duration};

use auth_core::{
    Action, Activate, Address, AddressError, Administer, Alphabet, Argon2, Authenticate, ChangeAddress,
    ChangePassword, Client, Code, CodeFormat, Confirm, ConfirmAddress, ConstrainedFloor, DeleteAccount,
    Deliver, DeviceToken, Disclosure, ForgotPassword, HashFloor, Hashing, Import, Imported, ImportedFunction,
    KeyId, Login, Logout, LogoutEverywhere, PasswordPolicy, Policy, Register, Resend, ResetPassword,
    ResetToken, Rules, RulesError, Scrypt, Secret, SessionToken, Time, UserAgent, Verdict, Weakness,
    wire::Input,
};

use crate::wit;

pub(crate) use answer::response;

/// A field with an impossible value, and the allowed ones. Without numbers, whose formatting would add 5 kB, and no
/// larger than an address in memory, since most functions here hand it on.
#[derive(Clone, Copy)]
pub(crate) struct Malformed(pub(crate) &'static (&'static str, &'static str));

/// Makes a [`Malformed`] of a field and the allowed values.
macro_rules! malformed {
    ($field:expr, $message:expr) => {
        $crate::from_host::Malformed(const { &($field, $message) })
    };
}
pub(crate) use malformed;

impl From<Malformed> for wit::BadInput {
    fn from(Malformed(bad): Malformed) -> Self {
        Self { field: bad.0.to_string(), message: bad.1.to_string() }
    }
}

impl From<Malformed> for wit::Refused {
    fn from(Malformed(bad): Malformed) -> Self {
        let mut text = bad.0.to_string();
        text.push_str(": ");
        text.push_str(bad.1);
        Self::Malformed(text)
    }
}

impl From<RulesError> for Malformed {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::Odds(_) => {
                malformed!("code", "harder to guess: use longer codes, fewer tries or longer intervals")
            }
            RulesError::NoTries => malformed!("code-tries", "at least 1"),
            RulesError::CodeTtl(_) => malformed!("code-ttl", "30 s to 24 h"),
            RulesError::ResendAfter(..) => {
                malformed!("resend-after", "1 s to resend-after-max, at most 24 h")
            }
            RulesError::Hash(_) => {
                malformed!("hash", "not below the floor, nor above the ceiling")
            }
            RulesError::Password(_) => malformed!("password", "minimum 1 to 1024, score 0 to 4"),
            RulesError::MailGiveUp(_) => malformed!("mail-give-up", "a minute to a week"),
            RulesError::ResetTtl { .. } => {
                malformed!("reset-ttl", "resend-after-max and 660 s, to 24 h")
            }
            RulesError::Session { .. } => {
                malformed!("session", "at least a minute each, and session-idle at most session")
            }
        }
    }
}

pub(crate) fn octets<const N: usize>(octets: &[u8], malformed: Malformed) -> Result<[u8; N], Malformed> {
    octets.try_into().map_err(|_| malformed)
}

pub(crate) fn secret(bytes: &mut Vec<u8>, malformed: Malformed) -> Result<Secret<[u8; 32]>, Malformed> {
    octets(Secret::new(take(bytes)).expose(), malformed).map(Secret::new)
}

#[inline(never)]
fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

fn code(typed: &mut String, rules: &Rules) -> Result<Code, Malformed> {
    let typed = Secret::new(take(typed));
    rules.policy().code.parse(typed.expose()).ok_or_else(bad_code)
}

pub(crate) fn bad_code() -> Malformed {
    malformed!("code", "of the policy's format")
}

// ---- rules ----

pub(crate) fn policy(policy: wit::Policy, floor: wit::HashFloor) -> Result<Policy, Malformed> {
    let alphabet = match policy.code.alphabet {
        wit::Alphabet::Digits => Alphabet::Digits,
        wit::Alphabet::Crockford => Alphabet::Crockford,
    };
    let wit::PasswordPolicy { min_length, min_score, refuse_common } = policy.password;
    Ok(Policy {
        disclosure: match policy.disclosure {
            wit::Disclosure::Hidden => Disclosure::Hidden,
            wit::Disclosure::Explicit => Disclosure::Explicit,
        },
        code: CodeFormat::new(alphabet, policy.code.length)
            .map_err(|_| malformed!("code.length", "4 to 20"))?,
        code_ttl: micros(policy.code_ttl),
        code_tries: policy.code_tries,
        resend_after: micros(policy.resend_after),
        resend_after_max: micros(policy.resend_after_max),
        hash: hashing(&policy.hash)?,
        hash_floor: hash_floor(floor)?,
        password: PasswordPolicy { min_length, min_score, refuse_common },
        client_requests_per_minute: match policy.client_requests_per_minute {
            None => None,
            // Threat: a 0 that was meant as "no requests at all" and would switch the limit off.
            Some(0) => return Err(malformed!("client-requests-per-minute", "above 0, or none")),
            Some(requests) => NonZeroU32::new(requests),
        },
        mail_give_up: micros(policy.mail_give_up),
        reset_ttl: micros(policy.reset_ttl),
        session: micros(policy.session),
        session_idle: micros(policy.session_idle),
        session_fresh: micros(policy.session_fresh),
        ..Policy::default()
    })
}

fn hash_floor(floor: wit::HashFloor) -> Result<HashFloor, Malformed> {
    let some = |n| NonZeroU32::new(n).ok_or(malformed!("floor", "more than 0"));
    Ok(match floor {
        wit::HashFloor::Owasp => HashFloor::OWASP,
        wit::HashFloor::ConstrainedPbkdf2(iterations) => {
            HashFloor::constrained(ConstrainedFloor::Pbkdf2 { iterations: some(iterations)? })
        }
        wit::HashFloor::ConstrainedScrypt(memory) => {
            HashFloor::constrained(ConstrainedFloor::Scrypt { memory: some(memory)? })
        }
        wit::HashFloor::Delegated(key) => HashFloor::delegated(key_id(&key)?),
    })
}

fn hashing(hashing: &wit::Hashing) -> Result<Hashing, Malformed> {
    Ok(match hashing {
        wit::Hashing::Scrypt(wit::Scrypt { log2_n, r, p }) => {
            Hashing::Scrypt(Scrypt { log2_n: *log2_n, r: *r, p: *p })
        }
        wit::Hashing::Pbkdf2(wit::Pbkdf2 { iterations }) => Hashing::Pbkdf2 { iterations: *iterations },
        wit::Hashing::Delegated(wit::Delegated { key }) => Hashing::Delegated { key: key_id(key)? },
        wit::Hashing::Imported(wit::Imported { function, n, r, p, salt, length }) => {
            let function = match function {
                wit::ImportedFunction::Bcrypt => ImportedFunction::Bcrypt,
                wit::ImportedFunction::Pbkdf2Sha256 => ImportedFunction::Pbkdf2Sha256,
                wit::ImportedFunction::Pbkdf2Sha512 => ImportedFunction::Pbkdf2Sha512,
                wit::ImportedFunction::Scrypt => ImportedFunction::Scrypt,
                wit::ImportedFunction::Argon2i => ImportedFunction::Argon2i,
                wit::ImportedFunction::Argon2id => ImportedFunction::Argon2id,
            };
            let salt = octets(salt, malformed!("salt", "32 bytes"))?;
            Hashing::Imported(Imported::from_parts(function, [*n, *r, *p], salt, *length))
        }
        wit::Hashing::Argon2id(wit::Argon2 { m, t, p }) => Hashing::Argon2id(Argon2 { m: *m, t: *t, p: *p }),
    })
}

fn key_id(key: &[u8]) -> Result<KeyId, Malformed> {
    octets(key, malformed!("key", "16 bytes")).map(KeyId::from_bytes)
}

// ---- input ----

/// By reference, here and for answers, and secrets are taken out first: values that were moved out one by one would be
/// dropped one by one wherever something else is wrong, which would add kilobytes.
pub(crate) fn input(input: &mut wit::Input, rules: &Rules) -> Result<Input, Malformed> {
    Ok(match input {
        wit::Input::Register(register) => {
            let verdict = verdict(&register.verdict);
            let locale = stored::locale(&register.locale)?;
            let (address, client) = who(&register.address, &register.client)?;
            Input::Register(Register { address, verdict, client, locale })
        }
        wit::Input::Activate(activate) => {
            let (address, client) = who(&activate.address, &activate.client)?;
            let code = code(&mut activate.code, rules)?;
            Input::Activate(Activate { address, code, client })
        }
        wit::Input::Resend(resend) => {
            let (address, client) = who(&resend.address, &resend.client)?;
            Input::Resend(Resend { address, client })
        }
        wit::Input::Deliver(mail) => Input::Deliver(Deliver { leased: stored::leased_mail(mail)? }),
        wit::Input::Login(login) => {
            let device = login.device.take().map(|shown| DeviceToken::new(Secret::new(shown)));
            let (address, client) = who(&login.address, &login.client)?;
            Input::Login(Login { address, client, device, agent: UserAgent::new(&login.agent) })
        }
        wit::Input::Authenticate(shown) => {
            Input::Authenticate(Authenticate { token: token(&mut shown.token) })
        }
        wit::Input::Confirm(confirm) => {
            let (token, client) = (token(&mut confirm.token), client(&confirm.client)?);
            Input::Confirm(Confirm { token, client })
        }
        wit::Input::Logout(shown) => Input::Logout(Logout { token: token(&mut shown.token) }),
        wit::Input::LogoutEverywhere(shown) => {
            Input::LogoutEverywhere(LogoutEverywhere { token: token(&mut shown.token) })
        }
        wit::Input::ForgotPassword(forgot) => {
            let (address, client) = who(&forgot.address, &forgot.client)?;
            Input::ForgotPassword(ForgotPassword { address, client })
        }
        wit::Input::ResetPassword(reset) => {
            let token = ResetToken::new(Secret::new(take(&mut reset.token)));
            let (address, client) = who(&reset.address, &reset.client)?;
            let verdict = verdict(&reset.verdict);
            Input::ResetPassword(ResetPassword { address, token, verdict, client })
        }
        wit::Input::ChangePassword(change) => {
            let (token, client) = (token(&mut change.token), client(&change.client)?);
            let verdict = verdict(&change.verdict);
            Input::ChangePassword(ChangePassword { token, verdict, client })
        }
        wit::Input::DeleteAccount(delete) => {
            let (token, client) = (token(&mut delete.token), client(&delete.client)?);
            Input::DeleteAccount(DeleteAccount { token, client })
        }
        wit::Input::ChangeAddress(change) => {
            let token = token(&mut change.token);
            let (address, client) = who(&change.address, &change.client)?;
            Input::ChangeAddress(ChangeAddress { token, address, client })
        }
        wit::Input::ConfirmAddress(confirm) => {
            let (token, client) = (token(&mut confirm.token), client(&confirm.client)?);
            let code = code(&mut confirm.code, rules)?;
            Input::ConfirmAddress(ConfirmAddress { token, code, client })
        }
        wit::Input::Import(import) => Input::Import(Import {
            locale: stored::locale(&import.locale)?,
            password: stored::password(&mut import.password)?,
            verified: import.verified,
            since: import.since.map(Time::from_micros),
            address: Address::parse(&import.address).map_err(bad_address)?,
        }),
        wit::Input::Administer(administer) => {
            let account = administer.account.as_deref().map(stored::account_id).transpose()?;
            let address = Address::parse(&administer.address).map_err(bad_address)?;
            Input::Administer(Administer { address, account, action: action(administer.action) })
        }
    })
}

#[inline(never)]
fn who(address: &str, client: &[u8]) -> Result<(Address, Client), Malformed> {
    let client = self::client(client)?;
    Ok((Address::parse(address).map_err(bad_address)?, client))
}

const fn bad_address(error: AddressError) -> Malformed {
    match error {
        AddressError::NoAt => malformed!("address", AddressError::NoAt.message()),
        AddressError::Local => malformed!("address", AddressError::Local.message()),
        AddressError::Domain => malformed!("address", AddressError::Domain.message()),
        AddressError::TooLong => malformed!("address", AddressError::TooLong.message()),
    }
}

fn client(octets: &[u8]) -> Result<Client, Malformed> {
    Client::from_octets(octets).ok_or(malformed!("client", "4 or 16 bytes"))
}

const fn action(action: wit::Action) -> Action {
    match action {
        wit::Action::Block => Action::Block,
        wit::Action::Unblock => Action::Unblock,
        wit::Action::Logout => Action::Logout,
        wit::Action::Reset => Action::Reset,
        wit::Action::Delete => Action::Delete,
    }
}

fn token(shown: &mut String) -> SessionToken {
    SessionToken::new(Secret::new(take(shown)))
}

fn verdict(verdict: &Result<(), wit::Weakness>) -> Verdict {
    Verdict::from_wire(verdict.map_err(weakness))
}

fn weakness(weakness: wit::Weakness) -> Weakness {
    match weakness {
        wit::Weakness::TooShort(wit::TooShort { min_length }) => Weakness::TooShort { min_length },
        wit::Weakness::Common => Weakness::Common,
        wit::Weakness::Guessable(wit::Guessable { score, min_score }) => {
            Weakness::Guessable { score, min_score }
        }
    }
}
