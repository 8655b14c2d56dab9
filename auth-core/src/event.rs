//! Owns the true reasons of outcomes, for audit and metrics, never for the visitor.

use serde::{Deserialize, Serialize};

/// Says what really happened in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The client asked too often.
    RateLimited,
    /// The password does not reach the policy.
    WeakPassword,
    /// Others changed the same address each time this run wanted to.
    Contended,
    /// A new pending account.
    Registered,
    /// The same attempt once more.
    RegisteredAgain,
    /// Another password: the earlier attempt and its codes are dead.
    AttemptReplaced,
    /// The address has an active account; nothing of it changed.
    AlreadyActive,
    /// Another mail for a pending account.
    MailAskedFor,
    /// Nothing is known of the address.
    NoAccount,
    /// The account is active now.
    Activated,
    /// The account was active already, and the code is one of its own.
    ActivatedAgain,
    /// The password is not the attempt's.
    WrongPassword,
    /// No code of the attempt lives.
    CodeExpired,
    /// The tries of the last mail are used up.
    TriesUsedUp,
    /// A code of the attempt lives, but not this one.
    WrongCode,
    /// Another attempt took the address between the code and the commit.
    Superseded,
    /// The mail server took the mail.
    MailSent,
    /// Nobody needs the mail any more.
    MailSuperseded,
    /// The mail is tried again later.
    MailDeferred,
    /// The mail may have been sent; it is tried again later.
    MailUnknown,
    /// The mail is given up.
    MailDead,
    /// The lease was lost to another worker or a newer mail.
    LeaseLost,
}

impl Event {
    /// Returns the name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::WeakPassword => "weak_password",
            Self::Contended => "contended",
            Self::Registered => "registered",
            Self::RegisteredAgain => "registered_again",
            Self::AttemptReplaced => "attempt_replaced",
            Self::AlreadyActive => "already_active",
            Self::MailAskedFor => "mail_asked_for",
            Self::NoAccount => "no_account",
            Self::Activated => "activated",
            Self::ActivatedAgain => "activated_again",
            Self::WrongPassword => "wrong_password",
            Self::CodeExpired => "code_expired",
            Self::TriesUsedUp => "tries_used_up",
            Self::WrongCode => "wrong_code",
            Self::Superseded => "superseded",
            Self::MailSent => "mail_sent",
            Self::MailSuperseded => "mail_superseded",
            Self::MailDeferred => "mail_deferred",
            Self::MailUnknown => "mail_unknown",
            Self::MailDead => "mail_dead",
            Self::LeaseLost => "lease_lost",
        }
    }
}
