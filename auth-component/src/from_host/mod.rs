//! Values from a host: they become the core's, or a refusal that names the field. Policies and inputs are here.

mod answer;
mod stored;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{net::IpAddr, num::NonZeroU32, time::Duration};

use auth_core::{
    Activate, Address, Alphabet, Authenticate, Client, CodeFormat, Confirm, ConstrainedFloor, Deliver,
    DeviceToken, Disclosure, HashFloor, Hashing, KeyId, Login, Logout, LogoutEverywhere, PasswordPolicy,
    Policy, Register, Resend, Rules, RulesError, Scrypt, Secret, SessionToken, UserAgent, Verdict, Weakness,
    wire::Input,
};

use crate::wit;

pub(crate) use answer::response;

/// A field with an impossible value, and the allowed ones. Without numbers, whose formatting would add 5 kB.
#[derive(Clone, Copy)]
pub(crate) struct Malformed {
    field: &'static str,
    message: &'static str,
}

impl From<Malformed> for wit::BadInput {
    fn from(Malformed { field, message }: Malformed) -> Self {
        bad(field, message)
    }
}

impl From<Malformed> for wit::Refused {
    fn from(Malformed { field, message }: Malformed) -> Self {
        Self::Malformed([field, ": ", message].concat())
    }
}

impl From<RulesError> for Malformed {
    fn from(error: RulesError) -> Self {
        let (field, message) = match error {
            RulesError::Odds(_) => (
                "code",
                "codes valid at once x tries per mail x mails per day / number of codes must be at most 300 in a million: \
                 use longer codes, fewer tries or longer intervals between mails",
            ),
            RulesError::NoTries => ("code-tries", "at least 1"),
            RulesError::CodeTtl(_) => ("code-ttl", "30 s to 24 h, in microseconds"),
            RulesError::ResendAfter(..) => {
                ("resend-after", "at least 1 s, up to resend-after-max, which is at most 24 h")
            }
            RulesError::Hash(_) => ("hash", "at least as strong as the floor, and not above the ceiling"),
            RulesError::Password(_) => ("password", "a minimum of 1 to 1024 and a score of 0 to 4"),
            RulesError::MailGiveUp(_) => ("mail-give-up", "a minute to a week, in microseconds"),
            RulesError::Session { .. } => {
                ("session", "at least a minute for each of the three, and session-idle at most session")
            }
        };
        Self { field, message }
    }
}

pub(crate) const fn malformed(field: &'static str, message: &'static str) -> Malformed {
    Malformed { field, message }
}

pub(crate) fn octets<const N: usize>(octets: &[u8], field: &'static str) -> Result<[u8; N], Malformed> {
    let message = match N {
        16 => "16 bytes",
        20 => "20 bytes",
        _ => "32 bytes",
    };
    octets.try_into().map_err(|_| malformed(field, message))
}

pub(crate) fn secret(bytes: Vec<u8>, field: &'static str) -> Result<Secret<[u8; 32]>, Malformed> {
    octets(Secret::new(bytes).expose(), field).map(Secret::new)
}

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

pub(crate) fn bad(field: &str, message: &str) -> wit::BadInput {
    wit::BadInput { field: field.to_string(), message: message.to_string() }
}

pub(crate) fn bad_code() -> wit::BadInput {
    bad("code", "a code of the policy's format")
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
            .map_err(|_| malformed("code.length", "4 to 20"))?,
        code_ttl: micros(policy.code_ttl),
        code_tries: policy.code_tries,
        resend_after: micros(policy.resend_after),
        resend_after_max: micros(policy.resend_after_max),
        hash: hashing(policy.hash)?,
        hash_floor: hash_floor(floor)?,
        password: PasswordPolicy { min_length, min_score, refuse_common },
        client_requests_per_minute: match policy.client_requests_per_minute {
            None => None,
            // Threat: a 0 that was meant as "no requests at all" and would switch the limit off.
            Some(0) => return Err(malformed("client-requests-per-minute", "more than 0, or none")),
            Some(requests) => NonZeroU32::new(requests),
        },
        mail_give_up: micros(policy.mail_give_up),
        session: micros(policy.session),
        session_idle: micros(policy.session_idle),
        session_fresh: micros(policy.session_fresh),
        ..Policy::default()
    })
}

fn hash_floor(floor: wit::HashFloor) -> Result<HashFloor, Malformed> {
    let some = |n| NonZeroU32::new(n).ok_or(malformed("floor", "more than 0"));
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

fn hashing(hashing: wit::Hashing) -> Result<Hashing, Malformed> {
    Ok(match hashing {
        wit::Hashing::Scrypt(wit::Scrypt { log2_n, r, p }) => Hashing::Scrypt(Scrypt { log2_n, r, p }),
        wit::Hashing::Pbkdf2(wit::Pbkdf2 { iterations }) => Hashing::Pbkdf2 { iterations },
        wit::Hashing::Delegated(wit::Delegated { key }) => Hashing::Delegated { key: key_id(&key)? },
    })
}

fn key_id(key: &[u8]) -> Result<KeyId, Malformed> {
    octets(key, "key").map(KeyId::from_bytes)
}

// ---- input ----

pub(crate) fn input(input: wit::Input, rules: &Rules) -> Result<Input, wit::BadInput> {
    let address = |text: &str| Address::parse(text).map_err(|error| bad("address", error.message()));
    let client = |octets: &[u8]| {
        let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
        let ip = v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from));
        ip.map(Client::of).map_err(|_| bad("client", "4 or 16 bytes"))
    };
    Ok(match input {
        wit::Input::Register(register) => Input::Register(Register {
            address: address(&register.address)?,
            verdict: Verdict::from_wire(register.verdict.map_err(weakness)),
            client: client(&register.client)?,
            locale: stored::locale(&register.locale)?,
        }),
        wit::Input::Activate(activate) => {
            // First, so that it is wiped whatever else is wrong.
            let code = Secret::new(activate.code);
            Input::Activate(Activate {
                address: address(&activate.address)?,
                code: rules.policy().code.parse(code.expose()).ok_or_else(bad_code)?,
                client: client(&activate.client)?,
            })
        }
        wit::Input::Resend(resend) => {
            Input::Resend(Resend { address: address(&resend.address)?, client: client(&resend.client)? })
        }
        wit::Input::Deliver(wit::Deliver { leased }) => {
            Input::Deliver(Deliver { leased: stored::leased_mail(leased)? })
        }
        wit::Input::Login(login) => {
            // First, so that it is wiped whatever else is wrong.
            let device = login.device.map(|shown| DeviceToken::new(Secret::new(shown)));
            Input::Login(Login {
                address: address(&login.address)?,
                client: client(&login.client)?,
                device,
                agent: UserAgent::new(&login.agent),
            })
        }
        wit::Input::Authenticate(shown) => Input::Authenticate(Authenticate { token: token(shown.token) }),
        wit::Input::Confirm(confirm) => {
            let token = token(confirm.token);
            Input::Confirm(Confirm { token, client: client(&confirm.client)? })
        }
        wit::Input::Logout(shown) => Input::Logout(Logout { token: token(shown.token) }),
        wit::Input::LogoutEverywhere(shown) => {
            Input::LogoutEverywhere(LogoutEverywhere { token: token(shown.token) })
        }
    })
}

fn token(shown: String) -> SessionToken {
    SessionToken::new(Secret::new(shown))
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
