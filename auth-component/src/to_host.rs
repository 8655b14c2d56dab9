//! Values for a host: the core's become those of the WIT.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{net::IpAddr, time::Duration};

use auth_core::{
    Activation, Alphabet, Attempt, BadSnapshot, Broken, CodeFormat, Disclosure, Fault, Hashing, Kind, Lease,
    MailChange, OwedMail, Policy, Purpose, Registration, Resending, Row, Scrypt, Settlement, Status,
    Template, Time, WaitingMail, WaitingState, Weakness, WhyRefused,
    wire::{Order, Ordered, Output},
};

use crate::wit;

/// Inlined everywhere, these three functions would add kilobytes.
#[inline(never)]
fn micros(duration: Duration) -> u64 {
    Time::from_micros(0).after(duration).as_micros()
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
            code_ttl: micros(policy.code_ttl),
            code_tries: policy.code_tries,
            resend_after: micros(policy.resend_after),
            resend_after_max: micros(policy.resend_after_max),
            hash: policy.hash.into(),
            password: wit::PasswordPolicy {
                min_length: policy.password.min_length,
                min_score: policy.password.min_score,
                refuse_common: policy.password.refuse_common,
            },
            client_requests_per_minute: policy.client_requests_per_minute.map(Into::into),
            mail_give_up: micros(policy.mail_give_up),
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
        }
    }
}

impl From<Weakness> for wit::Weakness {
    fn from(weakness: Weakness) -> Self {
        match weakness {
            Weakness::TooShort { min_length } => Self::TooShort(wit::TooShort { min_length }),
            Weakness::Common => Self::Common,
            Weakness::Guessable { score, min_score } => Self::Guessable(wit::Guessable { score, min_score }),
        }
    }
}

// ---- orders ----

impl From<Ordered> for wit::Ordered {
    fn from(Ordered { ticket, order }: Ordered) -> Self {
        Self { ticket: octets(&ticket.to_bytes()), effect: order.as_ref().into() }
    }
}

// By reference: moving a value out of a box leaves its secrets in freed memory.
impl From<&Order> for wit::Effect {
    fn from(order: &Order) -> Self {
        match order {
            Order::Admit(admit) => Self::Admit(wit::Admit {
                client: match admit.client.address() {
                    IpAddr::V4(v4) => octets(&v4.octets()),
                    IpAddr::V6(v6) => octets(&v6.octets()),
                },
                rate: wit::Rate { requests: admit.rate.requests.get(), period: micros(admit.rate.period) },
            }),
            Order::Random(_) => Self::Random,
            Order::FindAccount(find) => Self::FindAccount(wit::FindAccount { key: text(find.key.as_str()) }),
            Order::HashPassword(hash) => Self::HashPassword(wit::HashPassword {
                salt: octets(hash.salt.as_bytes()),
                params: hash.params.into(),
            }),
            Order::CommitAccount(commit) => Self::CommitAccount(wit::CommitAccount {
                key: text(commit.key.as_str()),
                expected: commit.expected.0,
                generation: commit.generation.map(|generation| octets(generation.as_bytes())),
                waiting: commit.waiting.iter().map(|mail| (*mail).into()).collect(),
                until: commit.until.as_micros(),
                row: (&commit.row).into(),
                mail: commit.mail.as_ref().map(Into::into),
            }),
            Order::PutCode(put) => Self::PutCode(wit::PutCode {
                slot: octets(put.slot.as_bytes()),
                mail: octets(put.mail.as_bytes()),
                mails: put.mails,
                lease: octets(put.lease.as_bytes()),
                ends: put.ends,
                mac: octets(put.mac.as_bytes()),
                lifetime: micros(put.lifetime),
                tries: put.tries,
                newest: put.newest,
                retention: micros(put.retention),
            }),
            Order::RedeemCode(redeem) => Self::RedeemCode(wit::RedeemCode {
                slot: octets(redeem.slot.as_bytes()),
                newest: redeem.newest,
                macs: redeem.macs.iter().map(|mac| octets(mac.as_bytes())).collect::<Vec<_>>(),
            }),
            Order::SendMail(send) => Self::SendMail(wit::SendMail {
                id: octets(send.id.as_bytes()),
                to: text(send.to.as_str()),
                locale: text(send.locale.as_str()),
                template: (&send.template).into(),
            }),
            Order::SettleMail(settle) => Self::SettleMail(wit::SettleMail {
                lease: settle.lease.into(),
                settlement: (&settle.settlement).into(),
            }),
        }
    }
}

impl From<&Row> for wit::Row {
    fn from(row: &Row) -> Self {
        Self {
            status: match &row.status {
                Status::Vacant => wit::Status::Vacant,
                Status::Pending(attempt) => wit::Status::Pending(attempt.into()),
                Status::Active { attempt, since } => {
                    wit::Status::Active(wit::Active { attempt: attempt.into(), since: since.as_micros() })
                }
            },
            last_mail: row.last_mail.map(|last| wit::LastMail {
                due: last.due.as_micros(),
                interval: micros(last.interval),
                left: last.left,
            }),
            last_notice: row.last_notice.map(Time::as_micros),
            expires: row.expires.map(Time::as_micros),
        }
    }
}

impl From<Purpose> for wit::Purpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Activation => Self::Activation,
            Purpose::Notice => Self::Notice,
        }
    }
}

impl From<WaitingMail> for wit::WaitingMail {
    fn from(mail: WaitingMail) -> Self {
        let state = match mail.state {
            WaitingState::Free { next } => wit::WaitingState::Free(wit::FreeMail { next: next.as_micros() }),
            WaitingState::Held { token } => {
                wit::WaitingState::Held(wit::HeldMail { token: octets(token.as_bytes()) })
            }
        };
        Self { purpose: mail.purpose.into(), id: octets(mail.id.as_bytes()), state }
    }
}

impl From<&MailChange> for wit::MailChange {
    fn from(change: &MailChange) -> Self {
        match change {
            MailChange::Owe(mail) => Self::Owe(mail.into()),
            MailChange::Begin { mail, unknowns } => {
                Self::Begin(wit::BeginMail { mail: octets(mail.as_bytes()), unknowns: *unknowns })
            }
        }
    }
}

impl From<&Attempt> for wit::Attempt {
    fn from(attempt: &Attempt) -> Self {
        Self {
            generation: octets(attempt.generation.as_bytes()),
            address: text(attempt.address.given()),
            locale: text(attempt.locale.as_str()),
            password: wit::PasswordRecord {
                params: attempt.password.params.into(),
                salt: octets(attempt.password.salt.as_bytes()),
                hash: octets(attempt.password.hash.expose()),
            },
        }
    }
}

impl From<&OwedMail> for wit::OwedMail {
    fn from(mail: &OwedMail) -> Self {
        Self {
            id: octets(mail.id.as_bytes()),
            purpose: mail.purpose.into(),
            generation: octets(mail.generation.as_bytes()),
            locale: text(mail.locale.as_str()),
            first_due: mail.first_due.as_micros(),
        }
    }
}

impl From<&Template> for wit::Template {
    fn from(template: &Template) -> Self {
        match template {
            Template::Activation { code, ttl, tries } => {
                let code = text(code.expose());
                Self::Activation(wit::ActivationMail { code, ttl: micros(*ttl), tries: *tries })
            }
            Template::Notice => Self::Notice,
        }
    }
}

impl From<Lease> for wit::Lease {
    fn from(lease: Lease) -> Self {
        Self { mail: octets(lease.mail.as_bytes()), token: octets(lease.token.as_bytes()) }
    }
}

impl From<&Settlement> for wit::Settlement {
    fn from(settlement: &Settlement) -> Self {
        match settlement {
            Settlement::Sent => Self::Sent,
            Settlement::Superseded => Self::Superseded,
            Settlement::Retry { after, unknowns, detail } => {
                let detail = text(detail.as_str());
                Self::Retry(wit::Retry { after: micros(*after), unknowns: *unknowns, detail })
            }
            Settlement::Dead { detail } => Self::Dead(wit::Dead { detail: text(detail.as_str()) }),
        }
    }
}

// ---- ends ----

impl From<Output> for wit::Output {
    fn from(output: Output) -> Self {
        match output {
            Output::Register(outcome) => {
                let event = text(outcome.event.name());
                Self::Register(wit::Registered { disclosed: outcome.disclosed.into(), event })
            }
            Output::Activate(outcome) => {
                let event = text(outcome.event.name());
                Self::Activate(wit::Activated { disclosed: outcome.disclosed.into(), event })
            }
            Output::Resend(outcome) => {
                let event = text(outcome.event.name());
                Self::Resend(wit::Resent { disclosed: outcome.disclosed.into(), event })
            }
            Output::Deliver(event) => Self::Deliver(text(event.name())),
        }
    }
}

fn limited(retry_after: Duration) -> wit::Limited {
    wit::Limited { retry_after: micros(retry_after) }
}

impl From<Registration> for wit::Registration {
    fn from(disclosed: Registration) -> Self {
        match disclosed {
            Registration::Accepted => Self::Accepted,
            Registration::Pending => Self::Pending,
            Registration::EmailTaken => Self::EmailTaken,
            Registration::WeakPassword(weakness) => Self::WeakPassword(weakness.into()),
            Registration::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            Registration::Contended => Self::Contended,
        }
    }
}

impl From<Activation> for wit::Activation {
    fn from(disclosed: Activation) -> Self {
        match disclosed {
            Activation::Activated => Self::Activated,
            Activation::Refused => Self::Refused,
            Activation::NoAccount => Self::NoAccount,
            Activation::AlreadyActive => Self::AlreadyActive,
            Activation::WrongPassword => Self::WrongPassword,
            Activation::CodeExpired => Self::CodeExpired,
            Activation::WrongCode => Self::WrongCode,
            Activation::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            Activation::Contended => Self::Contended,
        }
    }
}

impl From<Resending> for wit::Resending {
    fn from(disclosed: Resending) -> Self {
        match disclosed {
            Resending::Accepted => Self::Accepted,
            Resending::NoAccount => Self::NoAccount,
            Resending::AlreadyActive => Self::AlreadyActive,
            Resending::RateLimited { retry_after } => Self::RateLimited(limited(retry_after)),
            Resending::Contended => Self::Contended,
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
