//! What an activation discloses: the same refusal for every reason, or the reason.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Event, Rules,
    domain::{Account, micros},
};

/// What an activation discloses to the visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The account is active.
    Activated(Account),
    /// The account is not active. The only refusal when hiding.
    Refused,
    /// The address has no account. Explicit only.
    NoAccount,
    /// The account was active already. Explicit only.
    AlreadyActive,
    /// The password is wrong. Explicit only.
    WrongPassword,
    /// No code is valid, or its tries are used up: ask for another mail. Explicit only.
    CodeExpired,
    /// The code is wrong. Explicit only.
    WrongCode,
    /// The client asks too often.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
    /// Others change the same address at the same time; try again.
    Contended,
}

impl Activation {
    /// Returns the answer to a request without credentials, or with some that cannot be anybody's: that to a wrong
    /// password. A host asks here where it has no flow to start.
    pub const fn without_credentials(rules: &Rules) -> Self {
        Self::refusal(Event::WrongPassword, false, rules)
    }

    /// Returns the refusal for this reason.
    pub(super) const fn refusal(event: Event, was_active: bool, rules: &Rules) -> Self {
        match (rules.discloses(), event) {
            (true | false, Event::Contended) => Self::Contended,
            (true, Event::NoAccount) => Self::NoAccount,
            (true, _) if was_active => Self::AlreadyActive,
            (true, Event::CodeExpired | Event::TriesUsedUp) => Self::CodeExpired,
            (true, Event::WrongCode) => Self::WrongCode,
            (true, _) => Self::WrongPassword,
            (false, _) => Self::Refused,
        }
    }
}
