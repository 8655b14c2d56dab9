//! The true reasons of outcomes, for audit and metrics, never for the visitor.

use serde::{Deserialize, Serialize};

/// What really happened in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The client asked too often.
    RateLimited,
    /// The password does not satisfy the policy.
    WeakPassword,
    /// Others changed the same address at each attempt of this run to commit.
    Contended,
    /// A new pending account.
    Registered,
    /// The same attempt was registered again.
    RegisteredAgain,
    /// Registered with another password: the earlier attempt and its codes are dead.
    AttemptReplaced,
    /// The address has an active account, which is unchanged.
    AlreadyActive,
    /// Another mail was requested for a pending account.
    MailAskedFor,
    /// The address has no account.
    NoAccount,
    /// The account is active now.
    Activated,
    /// The account was active already, and the code is one of its own.
    ActivatedAgain,
    /// The password is not the attempt's.
    WrongPassword,
    /// No code of the attempt is valid any more.
    CodeExpired,
    /// The tries of the last mail are used up.
    TriesUsedUp,
    /// The attempt has a valid code, but not this one.
    WrongCode,
    /// Another attempt took the address between the code and the commit.
    Superseded,
    /// The mail server accepted the mail.
    MailSent,
    /// The mail is no longer needed.
    MailSuperseded,
    /// The mail is retried later.
    MailDeferred,
    /// The mail may have been sent; it is retried later.
    MailUnknown,
    /// The mail was given up.
    MailDead,
    /// The lease was lost to another worker or a newer mail.
    LeaseLost,
    /// A session was opened.
    LoggedIn,
    /// Too many passwords were tried: none was compared.
    TooManyGuesses,
    /// The account was changed too often in a short time.
    TooManyChanges,
    /// The password is that of an account that was not activated.
    NotActivated,
    /// An operator has blocked the account.
    Blocked,
    /// The session counts.
    Authenticated,
    /// No session with the token counts.
    NoSession,
    /// The session counts, but its password was not given recently.
    NotFresh,
    /// A fresh session has taken the place of another.
    Confirmed,
    /// The session has ended.
    LoggedOut,
    /// No session of the account counts any more.
    LoggedOutEverywhere,
    /// A mail that sets a new password was requested for an active account.
    ResetAskedFor,
    /// The token resets nothing: it is of no account, another era, or has expired.
    ResetRefused,
    /// A new password was set with a token.
    PasswordReset,
    /// A new password was set in a session.
    PasswordChanged,
    /// The account was deleted.
    AccountDeleted,
    /// A change of address was requested.
    AddressAskedFor,
    /// The new address has an active account.
    AddressTaken,
    /// The account has another address now.
    AddressChanged,
    /// An operator has blocked the account, and whatever was proven before is over.
    AccountBlocked,
    /// The account is not blocked any more.
    AccountUnblocked,
    /// An account of another program is here now.
    Imported,
    /// The hash of an imported account would never verify: it is too costly, or too weak.
    ImportRefused,
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
            Self::LoggedIn => "logged_in",
            Self::TooManyGuesses => "too_many_guesses",
            Self::TooManyChanges => "too_many_changes",
            Self::NotActivated => "not_activated",
            Self::Blocked => "blocked",
            Self::Authenticated => "authenticated",
            Self::NoSession => "no_session",
            Self::NotFresh => "not_fresh",
            Self::Confirmed => "confirmed",
            Self::LoggedOut => "logged_out",
            Self::LoggedOutEverywhere => "logged_out_everywhere",
            Self::ResetAskedFor => "reset_asked_for",
            Self::ResetRefused => "reset_refused",
            Self::PasswordReset => "password_reset",
            Self::PasswordChanged => "password_changed",
            Self::AccountDeleted => "account_deleted",
            Self::AddressAskedFor => "address_asked_for",
            Self::AddressTaken => "address_taken",
            Self::AddressChanged => "address_changed",
            Self::AccountBlocked => "account_blocked",
            Self::AccountUnblocked => "account_unblocked",
            Self::Imported => "imported",
            Self::ImportRefused => "import_refused",
        }
    }
}
