//! Values for a host: the core's become those of the WIT. Policies and refusals are here.

mod order;
mod outcome;
mod stored;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;

use auth_core::{
    Alphabet, Argon2, BadSnapshot, Broken, CodeFormat, Disclosure, Fault, Hashing, Imported,
    ImportedFunction, Kind, Policy, Scrypt, Time, Weakness, WhyRefused,
};

use crate::wit;

/// Inlined everywhere, these three functions would add kilobytes.
#[inline(never)]
fn micros(duration: &Duration) -> u64 {
    Time::from_micros(0).after(*duration).as_micros()
}

#[inline(never)]
fn octets(octets: &[u8]) -> Vec<u8> {
    octets.to_vec()
}

#[inline(never)]
fn text(text: &str) -> String {
    text.to_string()
}

impl From<Policy> for wit::Policy {
    fn from(policy: Policy) -> Self {
        Self {
            disclosure: match policy.disclosure {
                Disclosure::Hidden => wit::Disclosure::Hidden,
                Disclosure::Explicit => wit::Disclosure::Explicit,
            },
            code: policy.code.into(),
            code_ttl: micros(&policy.code_ttl),
            code_tries: policy.code_tries,
            resend_after: micros(&policy.resend_after),
            resend_after_max: micros(&policy.resend_after_max),
            hash: policy.hash.into(),
            password: wit::PasswordPolicy {
                min_length: policy.password.min_length,
                min_score: policy.password.min_score,
                refuse_common: policy.password.refuse_common,
            },
            client_requests_per_minute: policy.client_requests_per_minute.map(Into::into),
            mail_give_up: micros(&policy.mail_give_up),
            reset_ttl: micros(&policy.reset_ttl),
            session: micros(&policy.session),
            session_idle: micros(&policy.session_idle),
            session_fresh: micros(&policy.session_fresh),
        }
    }
}

impl From<CodeFormat> for wit::CodeFormat {
    fn from(format: CodeFormat) -> Self {
        let alphabet = match format.alphabet() {
            Alphabet::Digits => wit::Alphabet::Digits,
            Alphabet::Crockford => wit::Alphabet::Crockford,
        };
        Self { alphabet, length: format.length() }
    }
}

impl From<Hashing> for wit::Hashing {
    fn from(hashing: Hashing) -> Self {
        match hashing {
            Hashing::Scrypt(Scrypt { log2_n, r, p }) => Self::Scrypt(wit::Scrypt { log2_n, r, p }),
            Hashing::Pbkdf2 { iterations } => Self::Pbkdf2(wit::Pbkdf2 { iterations }),
            Hashing::Delegated { key } => Self::Delegated(wit::Delegated { key: octets(key.as_bytes()) }),
            Hashing::Imported(imported) => {
                let (salt, length) = imported.parts();
                let Imported { n, r, p, .. } = imported;
                let (function, salt) = (function(imported.function), octets(salt));
                Self::Imported(wit::Imported { function, n, r, p, salt, length })
            }
            Hashing::Argon2id(Argon2 { m, t, p }) => Self::Argon2id(wit::Argon2 { m, t, p }),
        }
    }
}

const fn function(function: ImportedFunction) -> wit::ImportedFunction {
    match function {
        ImportedFunction::Bcrypt => wit::ImportedFunction::Bcrypt,
        ImportedFunction::Pbkdf2Sha256 => wit::ImportedFunction::Pbkdf2Sha256,
        ImportedFunction::Pbkdf2Sha512 => wit::ImportedFunction::Pbkdf2Sha512,
        ImportedFunction::Scrypt => wit::ImportedFunction::Scrypt,
        ImportedFunction::Argon2i => wit::ImportedFunction::Argon2i,
        ImportedFunction::Argon2id => wit::ImportedFunction::Argon2id,
    }
}

impl From<&Weakness> for wit::Weakness {
    fn from(weakness: &Weakness) -> Self {
        match *weakness {
            Weakness::TooShort { min_length } => Self::TooShort(wit::TooShort { min_length }),
            Weakness::Common => Self::Common,
            Weakness::Guessable { score, min_score } => Self::Guessable(wit::Guessable { score, min_score }),
        }
    }
}

impl From<Broken> for wit::Broken {
    fn from(Broken { kind, fault }: Broken) -> Self {
        let fault = match fault {
            Fault::NotDone => wit::Fault::NotDone,
            Fault::Unknown => wit::Fault::Unknown,
        };
        Self { kind: kind.into(), fault }
    }
}

impl From<Kind> for wit::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Admit => Self::Admit,
            Kind::Random => Self::Random,
            Kind::FindAccount => Self::FindAccount,
            Kind::HashPassword => Self::HashPassword,
            Kind::CommitAccount => Self::CommitAccount,
            Kind::PutCode => Self::PutCode,
            Kind::RedeemCode => Self::RedeemCode,
            Kind::SendMail => Self::SendMail,
            Kind::SettleMail => Self::SettleMail,
            Kind::FindSession => Self::FindSession,
            Kind::PutSession => Self::PutSession,
        }
    }
}

impl From<WhyRefused> for wit::Refused {
    fn from(why: WhyRefused) -> Self {
        match why {
            WhyRefused::OtherRun => Self::OtherRun,
            WhyRefused::NeverIssued => Self::NeverIssued,
            WhyRefused::AlreadyAnswered => Self::AlreadyAnswered,
            WhyRefused::WrongKind { expected } => Self::WrongKind(expected.into()),
            WhyRefused::OtherHashing { expected } => Self::OtherHashing(expected.into()),
        }
    }
}

impl From<BadSnapshot> for wit::BadSnapshot {
    fn from(bad: BadSnapshot) -> Self {
        match bad {
            BadSnapshot::Format => Self::Format,
            BadSnapshot::OtherFlow => Self::OtherFlow,
            BadSnapshot::Mismatch => Self::Mismatch,
        }
    }
}
