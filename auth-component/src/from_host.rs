//! Values from a host: they become the core's, or a refusal that names the field.

use alloc::string::ToString;
use core::{net::IpAddr, num::NonZeroU32, time::Duration};

use auth_core::{
    Activate, Address, AddressKey, Admission, Alphabet, Attempt, Client, CodeFormat, CodeStored, Commit,
    ConstrainedFloor, Deliver, Detail, Disclosure, Fault, Found, Generation, HashFloor, Hashed, Hashing,
    KeyId, LastMail, Lease, LeaseToken, LeasedMail, Locale, MailId, OwedMail, PasswordPolicy, PasswordRecord,
    Policy, Purpose, Redemption, Register, Resend, Row, Rules, RulesError, Salt, Scrypt, Secret, Seed,
    Sending, Settled, Status, Time, Verdict, Version, WaitingMail, WaitingState, Weakness,
    wire::{Input, Reply, Response, Ticket},
};

use crate::wit;

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
            locale: locale(&register.locale)?,
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
            Input::Deliver(Deliver { leased: leased_mail(leased)? })
        }
    })
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

fn leased_mail(leased: wit::LeasedMail) -> Result<LeasedMail, Malformed> {
    let wit::LeasedMail { lease, key, mail, attempts, unknowns } = leased;
    let token = LeaseToken::from_bytes(octets(&lease.token, "token")?);
    Ok(LeasedMail {
        lease: Lease { mail: mail_id(&lease.mail)?, token },
        key: AddressKey::parse(&key).map_err(|_| malformed("key", "the key of an address"))?,
        mail: OwedMail {
            id: mail_id(&mail.id)?,
            purpose: purpose(mail.purpose),
            generation: generation(&mail.generation)?,
            locale: locale(&mail.locale)?,
            first_due: Time::from_micros(mail.first_due),
        },
        attempts,
        unknowns,
    })
}

fn mail_id(id: &[u8]) -> Result<MailId, Malformed> {
    octets(id, "mail").map(MailId::from_bytes)
}

fn generation(generation: &[u8]) -> Result<Generation, Malformed> {
    octets(generation, "generation").map(Generation::from_bytes)
}

fn locale(tag: &str) -> Result<Locale, Malformed> {
    Locale::parse(tag).map_err(|_| malformed("locale", "1 to 35 ASCII letters, digits and hyphens"))
}

// ---- answers ----

/// Returns `None` for an answer to an extension: there are no extensions yet.
pub(crate) fn response(ticket: &[u8], answer: wit::Answer) -> Result<Option<Response>, Malformed> {
    let ticket = Ticket::from_bytes(octets(ticket, "ticket")?);
    let reply = match answer {
        wit::Answer::Admit(admission) => Reply::Admit(match admission {
            wit::Admission::Admitted => Admission::Admitted,
            wit::Admission::Limited(limited) => {
                Admission::Limited { retry_after: micros(limited.retry_after) }
            }
        }),
        wit::Answer::Random(seed) => Reply::Random(Seed(secret(seed, "random")?)),
        wit::Answer::FindAccount(found) => Reply::FindAccount(Found {
            now: Time::from_micros(found.now),
            row: match found.row {
                Some((version, found)) => Some((Version(version), row(found)?)),
                None => None,
            },
            waiting: found.waiting.into_iter().map(waiting).collect::<Result<_, _>>()?,
        }),
        wit::Answer::HashPassword(hashed) => Reply::HashPassword(Hashed {
            params: hashing(hashed.params)?,
            hash: secret(hashed.hash, "hash")?,
        }),
        wit::Answer::CommitAccount(wit::Commit::Committed) => Reply::CommitAccount(Commit::Committed),
        wit::Answer::CommitAccount(wit::Commit::Conflict) => Reply::CommitAccount(Commit::Conflict),
        wit::Answer::PutCode => Reply::PutCode(CodeStored),
        wit::Answer::RedeemCode(redemption) => Reply::RedeemCode(match redemption {
            wit::Redemption::Missing => Redemption::Missing,
            wit::Redemption::Redeemed => Redemption::Redeemed,
            wit::Redemption::Exhausted => Redemption::Exhausted,
            wit::Redemption::Wrong => Redemption::Wrong,
        }),
        wit::Answer::SendMail(sending) => Reply::SendMail(match sending {
            wit::Sending::Accepted => Sending::Accepted,
            wit::Sending::Deferred(detail) => Sending::Deferred(Detail::new(&detail)),
            wit::Sending::Rejected(detail) => Sending::Rejected(Detail::new(&detail)),
        }),
        wit::Answer::SettleMail(wit::Settled::Settled) => Reply::SettleMail(Settled::Settled),
        wit::Answer::SettleMail(wit::Settled::Lost) => Reply::SettleMail(Settled::Lost),
        wit::Answer::Fault(fault) => {
            let fault = match fault {
                wit::Fault::NotDone => Fault::NotDone,
                wit::Fault::Unknown => Fault::Unknown,
            };
            return Ok(Some(Response { ticket, answer: Err(fault) }));
        }
        wit::Answer::Extension(_) | wit::Answer::Unsupported => return Ok(None),
    };
    Ok(Some(Response { ticket, answer: Ok(reply) }))
}

pub(crate) fn secret(bytes: alloc::vec::Vec<u8>, field: &'static str) -> Result<Secret<[u8; 32]>, Malformed> {
    octets(Secret::new(bytes).expose(), field).map(Secret::new)
}

fn row(row: wit::Row) -> Result<Row, Malformed> {
    Ok(Row {
        status: match row.status {
            wit::Status::Vacant => Status::Vacant,
            wit::Status::Pending(pending) => Status::Pending(attempt(pending)?),
            wit::Status::Active(wit::Active { attempt: active, since }) => {
                Status::Active { attempt: attempt(active)?, since: Time::from_micros(since) }
            }
        },
        last_mail: row.last_mail.map(|last| LastMail {
            due: Time::from_micros(last.due),
            interval: micros(last.interval),
            left: last.left,
        }),
        last_notice: row.last_notice.map(Time::from_micros),
        expires: row.expires.map(Time::from_micros),
    })
}

const fn purpose(purpose: wit::Purpose) -> Purpose {
    match purpose {
        wit::Purpose::Activation => Purpose::Activation,
        wit::Purpose::Notice => Purpose::Notice,
    }
}

fn waiting(mail: wit::WaitingMail) -> Result<WaitingMail, Malformed> {
    let state = match mail.state {
        wit::WaitingState::Free(free) => WaitingState::Free { next: Time::from_micros(free.next) },
        wit::WaitingState::Held(held) => {
            WaitingState::Held { token: LeaseToken::from_bytes(octets(&held.token, "token")?) }
        }
    };
    Ok(WaitingMail { purpose: purpose(mail.purpose), id: mail_id(&mail.id)?, state })
}

fn attempt(attempt: wit::Attempt) -> Result<Attempt, Malformed> {
    let wit::PasswordRecord { params, salt, hash } = attempt.password;
    Ok(Attempt {
        generation: generation(&attempt.generation)?,
        address: Address::parse(&attempt.address).map_err(|_| malformed("address", "an address"))?,
        locale: locale(&attempt.locale)?,
        password: PasswordRecord {
            params: hashing(params)?,
            salt: Salt::from_bytes(octets(&salt, "salt")?),
            hash: secret(hash, "hash")?,
        },
    })
}
